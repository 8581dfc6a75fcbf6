// The second file: shows in the page what the tracker sends, what is answered and why something was
// not counted, and reports to the dashboard's check. Loaded before the tracker starts, only with a
// one-time token, and never counted in the tracker's weight.
import { Panel } from './panel';

interface Answered {
  status: number;
  outcome: string;
}

const here = new URL(import.meta.url);
const api = here.href.replace(/\/t\/debug\.js.*/, '');
const token = here.searchParams.get('ashna_debug') || '';
const tag = document.querySelector<HTMLScriptElement>(`script[src^="${api}/t"]`) ?? document.querySelector<HTMLScriptElement>('script[data-key]');
const key = tag?.dataset.key ?? '';
const panel = new Panel();
const answers: Answered[] = [];
const violated: string[] = [];
let refused = false;
let reporting: ReturnType<typeof setTimeout>;

const isOurs = (url: string): boolean => url.startsWith(api + '/') || url.startsWith((tag?.dataset.api ?? api) + '/');

/** Why an answer did not count what was sent, in words. */
function verdict(status: number, outcome: string): string {
  if (status === 0) return 'The request failed: blocked by the browser, by something in it, or by the network.';
  if (status === 401) return 'No site has this key. Copy the tag from the dashboard again.';
  if (status === 403) return 'This page’s origin is not one of the site’s. Add it in the dashboard.';
  if (status === 413) return 'Too large.';
  if (status === 429 || status >= 500) return 'The service is busy; the tracker tries again by itself.';
  const reasons = [...outcome.matchAll(/\(([^)]+)\)/g)].map(([, words]) => words).join(', ');
  return reasons ? 'Not all of it was counted: ' + reasons : '';
}

function answered(status: number, outcome: string): void {
  answers.push({ status, outcome });
  const text = verdict(status, outcome);
  panel.add(text ? 'bad' : 'good', `answer ${status || '–'} ${outcome}`, text);
  reportSoon();
}

interface Sent {
  consent?: { analytics?: boolean };
  events?: { type: string; event?: string; name?: string; properties?: object }[];
  slots?: string[];
}

function sent(how: string, text: unknown): void {
  const { consent, events = [], slots }: Sent = JSON.parse('' + text);
  refused = consent?.analytics === false;
  for (const event of events) {
    panel.add('sent', `${how} ${event.type} ${event.event ?? event.name ?? ''}`, JSON.stringify(event.properties ?? {}));
  }
  if (slots) panel.add('sent', 'asked for ' + slots.join(', '));
}

function spyOnRequests(): void {
  const { fetch } = window;
  window.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const ours = isOurs(url.href) && /\/(e|v1\/decide)$/.test(url.pathname);
    if (ours) sent('', init?.body);
    try {
      const response = await fetch(input, init);
      if (ours && url.pathname.endsWith('/e')) answered(response.status, response.headers.get('Ashna-Outcome') ?? '');
      return response;
    } catch (error) {
      if (ours) answered(0, '');
      throw error;
    }
  };
  const beacon = navigator.sendBeacon?.bind(navigator);
  navigator.sendBeacon = (url, body) => {
    if (isOurs(new URL(url, location.href).href)) sent('on leaving:', body);
    return beacon(url, body);
  };
}

/** What the tracker would hear in the browser, said before anything is sent. */
function explainSignals(): void {
  const { globalPrivacyControl } = navigator as { globalPrivacyControl?: boolean };
  if (globalPrivacyControl || navigator.doNotTrack === '1') {
    panel.add('bad', 'This browser objects (GPC or DNT)', 'Where the site honours that, events go without an id.');
  }
  if (navigator.webdriver) panel.add('bad', 'This browser is driven by a program', 'Its events are taken for a robot’s.');
  if (!key) panel.add('bad', 'The tag has no data-key', 'Copy it from the dashboard again.');
}

const choice = (): { out?: boolean; analytics?: boolean } => {
  try {
    return JSON.parse(localStorage[`ashna.${key}.choice`]);
  } catch {
    return {};
  }
};

function reportSoon(wait = 800): void {
  clearTimeout(reporting);
  reporting = setTimeout(report, wait);
}

async function report(): Promise<void> {
  const { out, analytics } = choice();
  const { globalPrivacyControl } = navigator as { globalPrivacyControl?: boolean };
  const body = {
    token,
    key,
    now: Date.now(),
    answers: answers.slice(-20).map(({ status, outcome }) => [status, outcome]),
    violated,
    objects: !!globalPrivacyControl || navigator.doNotTrack === '1',
    refused: refused || analytics === false,
    out: !!out,
    driven: !!navigator.webdriver,
  };
  try {
    const heard = await fetch(api + '/v1/debug', { method: 'POST', body: JSON.stringify(body) });
    panel.add(heard.ok ? 'good' : 'bad', heard.ok ? 'The dashboard has heard.' : 'The dashboard’s check is over.');
  } catch {
    panel.add('bad', 'The dashboard cannot be told', 'Requests to ' + api + ' are blocked.');
  }
}

addEventListener('securitypolicyviolation', (event) => {
  if (!isOurs(event.blockedURI)) return;
  violated.push(event.effectiveDirective);
  panel.add('bad', 'The page’s Content-Security-Policy stops ' + event.blockedURI, `Add ${api} to ${event.effectiveDirective}.`);
  reportSoon();
});

panel.add('good', 'The tracker is on this page', `key ${key || '–'}, service ${api}`);
explainSignals();
spyOnRequests();
// A page that sends nothing has something to say too.
reportSoon(6000);
