// One Chromium per test file; every test gets a fresh profile and its own site.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Site } from './site.mjs';

const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium';
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The back-forward cache is disabled in automated browsers by default.
  '--enable-features=BackForwardCache',
];

// Tests mostly wait; with more than this on two cores the pages become slow.
const CONCURRENT = 3;
// Timeouts are reached only by failing tests.
const LIMIT_MS = 180_000;
const STEP_LIMIT_MS = 60_000;

let browser;
const scenes = [];

/** `scenario({ site, context, page })`; `prepare` runs in every page before its own scripts. */
export function scene(name, scenario, { prepare } = {}) {
  scenes.push({ name, scenario, prepare });
}

/** Runs the scenes of this file in one Chromium. */
export function play() {
  describe('in Chromium', { concurrency: CONCURRENT }, () => {
    before(async () => {
      browser = await chromium.launch({
        executablePath: EXECUTABLE,
        args: ARGUMENTS,
        ignoreDefaultArgs: ['--disable-back-forward-cache'],
      });
    });
    after(() => browser?.close());
    for (const { name, ...rest } of scenes) test(name, { timeout: LIMIT_MS }, () => run(rest));
  });
}

async function run({ scenario, prepare }) {
  const site = await Site.open();
  const context = await browser.newContext({ userAgent: USER_AGENT, viewport: { width: 1000, height: 700 } });
  context.setDefaultTimeout(STEP_LIMIT_MS);
  const errors = [];
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });
  });
  if (prepare) await context.addInitScript(prepare);
  context.on('weberror', (error) => errors.push(error.error().message));
  try {
    await scenario({ site, context, page: await context.newPage() });
    assert.deepEqual(errors, [], 'nothing is thrown into the page');
  } finally {
    await context.close();
    await site.close();
  }
}
