// Puts the tracker together. The order matters: consent before the first event, the first
// page view before the page's own events, the page's context before the first decision.
import { startClicks } from './clicks';
import { choose, startConsent } from './consent';
import { addContext, decide } from './decide';
import { capture, track } from './events';
import { guard } from './guard';
import { startPages } from './page';
import { handOver, startQueue } from './queue';
import { configure } from './settings';
import { slotNames, startSlots } from './slots';
import type { Ashna, Call, Start } from './types';
import { forget, visitorFor } from './visitor';

// Shops number their customers; ids are text all the same.
const text = (id: unknown): string | undefined => (id == null ? undefined : '' + id);

const calls: Omit<Ashna, 'push'> = {
  track,
  page: (name, properties = {}) => capture('page', { name, properties }),
  identify: (userId, traits = {}, signature) => capture('identify', { userId: text(userId), traits, signature }),
  group: (groupId, traits = {}) => capture('group', { groupId: text(groupId), traits }),
  alias: (userId, previousId = visitorFor('analytics')) => capture('alias', { userId: text(userId), previousId }),
  reset() {
    handOver();
    forget();
  },
  consent: choose,
  context: addContext,
  decide: (slots = slotNames(), context) => decide(slots, context),
};

function perform(ashna: Ashna, call: Call): void {
  if (typeof call === 'function') call(ashna);
  else {
    const [name, ...rest] = Array.from(call) as [keyof Ashna, ...unknown[]];
    (ashna[name] as (...args: unknown[]) => void)(...rest);
  }
}

const isSetting = (call: Call): boolean => /^con(sent|text)$/.test((call as ArrayLike<string>)[0]!);

export const start: Start = (options, earlier = []) => {
  configure(options);
  startConsent();
  const ashna = {
    push: (...more) => more.forEach(guard((call) => perform(ashna, call))),
  } as Ashna;
  for (const name in calls) ashna[name as 'track'] = guard(calls[name as 'track']);
  ashna.push(...earlier.filter(isSetting));
  startQueue();
  startPages();
  ashna.push(...earlier.filter((call) => !isSetting(call)));
  startClicks();
  startSlots();
  return ashna;
};
