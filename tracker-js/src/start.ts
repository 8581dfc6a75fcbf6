// Starts the tracker. The order matters: the first page view comes before the page's own events, and consent and context
// given by the page are applied before any request.
import { addContext, decide } from './decide';
import { acceptLink, forgetVisitor } from './visitor';
import { startVitals } from './vitals';
import { guard, on, runDeferred, whenIdle } from './guard';
import { configure } from './settings';
import { choose, startConsent } from './consent';
import { startMedia } from './media';
import { startErrors } from './errors';
import { capture, track } from './events';
import { startDataLayer } from './datalayer';
import type { Ashna, Properties, Shop, Start } from './types';
import { flush, startQueue } from './queue';
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
    flush();
    forgetVisitor();
  },
  consent: choose,
  optOut: (out = true) => choose({ out }),
};

const slotCalls: Pick<Ashna, SlotCall> = {
  context: addContext,
  decide: (slots = slotNames(), context) => decide(slots, context),
  decided: presetDecisions,
};

/** Expensive parts (mostly because of storage), started when idle. If one fails, the others still work. */
const PARTS = [
  startConsent,
  acceptLink,
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
      // Reading a method means that it is about to be called.
      runDeferred();
      // `productAdded(…)` and the like: names of e-commerce events end with a participle.
      return target[name] || (/[A-Z]\w*ed/.test(name) && guard((properties?: Properties) => track(name, properties)));
    },
  });
  const all = PERSONALIZE ? { ...calls, ...slotCalls } : calls;
  for (const name in all) own[name as 'reset'] = guard(all[name as 'reset']);
  // Deferred so as not to slow down page loading; no event is missed.
  whenIdle(() => {
    PARTS.forEach((part) => guard(part)());
    ashna.push(...earlier);
  });
  on('keydown pointerdown pagehide', runDeferred);
  // Earlier calls may request a decision, which must not wait.
  if (PERSONALIZE && earlier[0]) runDeferred();
  if (PERSONALIZE) guard(startSlots)();
  return ashna;
};
