// One Chromium a test file; every test gets a fresh profile and a site of its own.
import { after, before, test } from 'node:test';
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
  // The back-forward cache is off in a driven browser unless asked for.
  '--enable-features=BackForwardCache',
];

let browser;

export function useBrowser() {
  before(async () => {
    browser = await chromium.launch({
      executablePath: EXECUTABLE,
      args: ARGUMENTS,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    });
  });
  after(() => browser?.close());
}

/** `scenario({ site, context, page, errors })`; `errors` are what the page saw thrown. */
export function scene(name, scenario, { prepare } = {}) {
  test(name, { timeout: 25_000 }, async () => {
    const site = await Site.open();
    const context = await browser.newContext({ userAgent: USER_AGENT, viewport: { width: 1000, height: 700 } });
    const errors = [];
    await context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });
    });
    if (prepare) await context.addInitScript(prepare);
    context.on('weberror', (error) => errors.push(error.error().message));
    try {
      await scenario({ site, context, page: await context.newPage(), errors });
      if (errors.length) throw new Error(`thrown into the page: ${errors.join('; ')}`);
    } finally {
      await context.close();
      await site.close();
    }
  });
}
