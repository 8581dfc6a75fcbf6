// Puts the tracker together. The order matters: the first page view before the page's own events,
// and what the page says, of consent and of itself, before anything is sent or asked.
import { startClicks } from './clicks';
import { choose, startConsent } from './consent';
import { startDataLayer } from './datalayer';
import { addContext, decide } from './decide';
import { startErrors } from './errors';
import { startEngagement } from './engagement';
import { capture, track } from './events';
import { startForms } from './forms';
import { guard } from './guard';
import { startLinking } from './linking';
import { startMedia } from './media';
import { startPages } from './page';
import { handOver, startQueue } from './queue';
import { configure } from './settings';
import { presetDecisions, slotNames, startSlots } from './slots';
import type { Ashna, Call, Properties, Start } from './types';
import { arrive, forget } from './visitor';
import { startVitals } from './vitals';

/** The calls that are an event, and what their arguments are called in it. */
const EVENTS = [
  'track event properties',
  'page name properties',
  'identify userId traits signature',
  'group groupId traits',
  'alias userId previousId',
];

const calls: Pick<Ashna, 'reset' | 'consent' | 'optOut'> = {
  reset() {
    handOver();
    forget();
  },
  consent: choose,
  optOut: (out = true) => choose({ out }),
};

const slotCalls: Pick<Ashna, 'decide' | 'decided' | 'context'> = {
  context: addContext,
  decide: (slots = slotNames(), context) => decide(slots, context),
  decided: presetDecisions,
};

/** `productAdded(…)` and its like: every event of a shop was done to something. */
const withShop = (ashna: Ashna): Ashna =>
  new Proxy(ashna, {
    get: (target, name: keyof Ashna) =>
      target[name] || (/[A-Z]\w*ed/.test(name) && guard((properties?: Properties) => track(name, properties))),
  });

function perform(ashna: Ashna, call: Call): void {
  if (typeof call === 'function') call(ashna);
  else {
    const [name, ...rest] = call as unknown as [keyof Ashna, ...unknown[]];
    (ashna[name] as (...args: unknown[]) => void)(...rest);
  }
}

export const start: Start = (options, earlier = []) => {
  configure(options);
  startConsent();
  arrive();
  const ashna = withShop({
    push: (...more) => more.forEach(guard((call) => perform(ashna, call))),
  } as Ashna);
  const all = PERSONALIZE ? { ...calls, ...slotCalls } : calls;
  for (const name in all) ashna[name as 'reset'] = guard(all[name as 'reset']);
  for (const event of EVENTS) {
    const [type, ...names] = event.split(' ') as ['track', ...string[]];
    ashna[type] = guard((...values: unknown[]) =>
      capture(type, Object.fromEntries(names.map((name, index) => [name, values[index]]))),
    );
  }
  startQueue();
  startPages();
  ashna.push(...earlier);
  for (const begin of [
    startVitals,
    startEngagement,
    startClicks,
    startForms,
    startErrors,
    startMedia,
    startLinking,
    startDataLayer,
  ])
    guard(begin)();
  if (PERSONALIZE) startSlots();
  return ashna;
};
