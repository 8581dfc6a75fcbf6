// Puts the tracker together. The order matters: the first page view before the page's own events,
// and what the page says, of consent and of itself, before anything is sent or asked.
import { addContext, decide } from './decide';
import { arrive, forget } from './visitor';
import { startVitals } from './vitals';
import { guard, on, wake, whenIdle } from './guard';
import { configure } from './settings';
import { choose, startConsent } from './consent';
import { startMedia } from './media';
import { startErrors } from './errors';
import { capture, track } from './events';
import { startDataLayer } from './datalayer';
import type { Ashna, Properties, Shop, Start } from './types';
import { handOver, startQueue } from './queue';
import { startClicks } from './clicks';
import { startLinking } from './linking';
import { startEngagement } from './engagement';
import { startPages } from './page';
import { presetDecisions, slotNames, startSlots } from './slots';
import { startForms } from './forms';

type SlotCall = 'decide' | 'decided' | 'context';

const calls: Omit<Ashna, SlotCall | 'push' | keyof Shop> = {
  track,
  page: (name, properties) => capture('page', { name, properties }),
  identify: (userId, traits, signature) => capture('identify', { userId, traits, signature }),
  group: (groupId, traits) => capture('group', { groupId, traits }),
  alias: (userId, previousId) => capture('alias', { userId, previousId }),
  reset() {
    handOver();
    forget();
  },
  consent: choose,
  optOut: (out = true) => choose({ out }),
};

const slotCalls: Pick<Ashna, SlotCall> = {
  context: addContext,
  decide: (slots = slotNames(), context) => decide(slots, context),
  decided: presetDecisions,
};

/** What costs time, the browser's storage most of all. Where one fails, the others work on. */
const PARTS = [
  startConsent,
  arrive,
  startQueue,
  startPages,
  startVitals,
  startEngagement,
  startClicks,
  startForms,
  startErrors,
  startMedia,
  startLinking,
  startDataLayer,
];

let ashna: Ashna;

export const start: Start = (options, earlier = []) => {
  configure(options);
  const own = {
    push: (...more) =>
      more.forEach(
        guard((call) => {
          if (typeof call === 'function') call(ashna);
          else {
            const [name, ...rest] = call as unknown as [keyof Ashna, ...unknown[]];
            (ashna[name] as (...args: unknown[]) => void)(...rest);
          }
        }),
      ),
  } as Ashna;
  ashna = new Proxy(own, {
    get(target, name: keyof Ashna) {
      // Who asks for a call is about to make it.
      wake();
      // `productAdded(…)` and its like: every event of a shop was done to something.
      return target[name] || (/[A-Z]\w*ed/.test(name) && guard((properties?: Properties) => track(name, properties)));
    },
  });
  const all = PERSONALIZE ? { ...calls, ...slotCalls } : calls;
  for (const name in all) own[name as 'reset'] = guard(all[name as 'reset']);
  // While a page loads it has better things to do. But nothing that happens to it is missed.
  whenIdle(() => {
    PARTS.forEach((part) => guard(part)());
    ashna.push(...earlier);
  });
  on('keydown pointerdown pagehide', wake);
  // What the page has asked by then may be a decision, and is not kept waiting.
  if (PERSONALIZE && earlier[0]) wake();
  if (PERSONALIZE) guard(startSlots)();
  return ashna;
};
