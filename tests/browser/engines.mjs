// The browsers of the tests, as ordinary visitors, behind a minimal common interface:
// Chromium and Firefox through puppeteer-core, WebKit through its WebDriver where it is installed.

import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';
import { Webkit } from './webkit.mjs';

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX || '/usr/bin/firefox-esr';
const WEBKIT = '/usr/bin/WebKitWebDriver';
const CHROME_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const FIREFOX_AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

const viewport = { width: 1000, height: 700 };

export const ENGINES = {
  chromium: () =>
    puppeteer.launch({
      executablePath: CHROMIUM,
      defaultViewport: viewport,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
      args: [
        `--user-agent=${CHROME_AGENT}`,
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-blink-features=AutomationControlled',
        '--enable-features=BackForwardCache',
        // Host names of other origins, all resolved to this machine.
        '--host-resolver-rules=MAP *.example 127.0.0.1',
      ],
    }),
  firefox: () =>
    puppeteer.launch({
      browser: 'firefox',
      executablePath: FIREFOX,
      defaultViewport: viewport,
      extraPrefsFirefox: {
        'general.useragent.override': FIREFOX_AGENT,
        'network.dns.localDomains': 'shop.example,sister.example,stats.example',
        'dom.security.https_first': false,
        'dom.security.https_only_mode': false,
      },
    }),
  // WebKitGTK's driver needs a screen; both are optional.
  ...(existsSync(WEBKIT) && existsSync('/usr/bin/xvfb-run') && { webkit: () => Webkit.launch(WEBKIT) }),
};
