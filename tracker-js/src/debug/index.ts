// Debug script: shows in the page what the tracker sends, the responses, and why events were not counted, and reports to the
// dashboard's installation check. Loaded before the tracker starts, and only with a one-time token.
import { Panel } from './panel';

interface ServerAnswer {
  status: number;
  outcome: string;
}

const here = new URL(import.meta.url);
const api = here.href.replace(/\/t\/debug\.js.*/, '');
const token = here.searchParams.get('ashna_debug') || '';
const tag = document.querySelector<HTMLScriptElement>(`script[src^="${api}/t"]`) ?? document.querySelector<HTMLScriptElement>('script[data-key]');
const key = tag?.dataset.key ?? '';
const panel = new Panel();
const answers: ServerAnswer[] = [];
const violated: string[] = [];
let consentDenied = false;
let reporting: ReturnType<typeof setTimeout>;

const isOurs = (url: string): boolean => url.startsWith(api + '/') || url.startsWith((tag?.dataset.api ?? api) + '/');

/** Explains why the sent events were not counted; empty if they were. */
function explanation(status: number, outcome: string): string {
  if (status === 0) return 'The request failed: blocked by the browser, an extension, or the network.';
  if (status === 401) return 'This key belongs to no site. Copy the tag from the dashboard again.';
  if (status === 403) return 'This page’s origin is not one of the site’s. Add it in the dashboard.';
  if (status === 413) return 'Too large.';
  if (status === 429 || status >= 500) return 'The service is busy; the tracker will retry.';
  const reasons = [...outcome.matchAll(/\(([^)]+)\)/g)].map(([, reason]) => reason).join(', ');
  return reasons ? 'Not all events were counted: ' + reasons : '';
}

function showAnswer(status: number, outcome: string): void {
  answers.push({ status, outcome });
  const text = explanation(status, outcome);
  panel.add(text ? 'bad' : 'good', `response ${status || '–'} ${outcome}`, text);
  reportSoon();
}

interface SentBody {
  consent?: { analytics?: boolean };
  events?: { type: string; event?: string; name?: string; properties?: object }[];
  slots?: string[];
}

function showSent(prefix: string, text: unknown): void {
  const { consent, events = [], slots }: SentBody = JSON.parse('' + text);
  consentDenied = consent?.analytics === false;
  for (const event of events) {
    panel.add('sent', `${prefix} ${event.type} ${event.event ?? event.name ?? ''}`, JSON.stringify(event.properties ?? {}));
  }
  if (slots) panel.add('sent', 'requested slots: ' + slots.join(', '));
}

function spyOnRequests(): void {
  const { fetch } = window;
  window.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const ours = isOurs(url.href) && /\/(e|v1\/decide)$/.test(url.pathname);
    if (ours) showSent('', init?.body);
    try {
      const response = await fetch(input, init);
      if (ours && url.pathname.endsWith('/e')) showAnswer(response.status, response.headers.get('Ashna-Outcome') ?? '');
      return response;
    } catch (error) {
      if (ours) showAnswer(0, '');
      throw error;
    }
  };
  const beacon = navigator.sendBeacon?.bind(navigator);
  navigator.sendBeacon = (url, body) => {
    if (isOurs(new URL(url, location.href).href)) showSent('on page exit:', body);
    return beacon(url, body);
  };
}

/** Shows browser signals that affect tracking, before anything is sent. */
function explainSignals(): void {
  const { globalPrivacyControl } = navigator as { globalPrivacyControl?: boolean };
  if (globalPrivacyControl || navigator.doNotTrack === '1') {
    panel.add('bad', 'This browser sends a privacy signal (GPC or DNT)', 'If the site honours it, events are sent without an id.');
  }
  if (navigator.webdriver) panel.add('bad', 'This browser is automated', 'Its events are classified as bot traffic.');
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
    refused: consentDenied || analytics === false,
    out: !!out,
    driven: !!navigator.webdriver,
  };
  try {
    const response = await fetch(api + '/v1/debug', { method: 'POST', body: JSON.stringify(body) });
    panel.add(response.ok ? 'good' : 'bad', response.ok ? 'The dashboard received the report.' : 'The dashboard’s check has expired.');
  } catch {
    panel.add('bad', 'The report cannot be sent to the dashboard', 'Requests to ' + api + ' are blocked.');
  }
}

addEventListener('securitypolicyviolation', (event) => {
  if (!isOurs(event.blockedURI)) return;
  violated.push(event.effectiveDirective);
  panel.add('bad', 'The page’s Content-Security-Policy blocks ' + event.blockedURI, `Add ${api} to ${event.effectiveDirective}.`);
  reportSoon();
});

panel.add('good', 'The tracker is on this page', `key ${key || '–'}, service ${api}`);
explainSignals();
spyOnRequests();
// A page that sends nothing is reported too.
reportSoon(6000);
