// A Chromium tab without an attached debugger during page load: only CPU throttling and main thread tracing.
// (Puppeteer instruments the scripts of its pages, which makes the first call of every function more expensive.)

const CATEGORIES = ['toplevel', 'devtools.timeline'];
const WAIT_MAX_MS = 20_000;

/** Fails instead of waiting forever: an endless trace must not keep its service alive. */
export function within(what, promise, limitMs = WAIT_MAX_MS) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no end of ${what}`)), limitMs)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Tab {
  static async open(browser, slowed) {
    const tab = new Tab();
    tab.all = await browser.target().createCDPSession();
    const { browserContextId } = await tab.all.send('Target.createBrowserContext');
    tab.context = browserContextId;
    const { targetId } = await tab.all.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await tab.all.send('Target.attachToTarget', { targetId, flatten: true });
    tab.page = tab.all.connection().session(sessionId);
    await tab.page.send('Emulation.setCPUThrottlingRate', { rate: slowed });
    return tab;
  }

  /** What all threads did while `work` ran. */
  async traced(work) {
    const { all } = this;
    const events = [];
    const collect = ({ value }) => events.push(...value);
    all.on('Tracing.dataCollected', collect);
    await within('starting a trace', all.send('Tracing.start', { traceConfig: { includedCategories: CATEGORIES } }));
    await within('the traced work', work());
    const complete = new Promise((resolve) => all.once('Tracing.tracingComplete', resolve));
    await within('ending a trace', all.send('Tracing.end'));
    await within('the trace', complete);
    all.off('Tracing.dataCollected', collect);
    return events;
  }

  goto = (url) => this.page.send('Page.navigate', { url });

  async evaluate(expression) {
    const { result, exceptionDetails } = await within('an answer of the page', this.page.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }));
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async close() {
    await within('closing a tab', this.all.send('Target.disposeBrowserContext', { browserContextId: this.context }));
    await this.all.detach();
  }
}
