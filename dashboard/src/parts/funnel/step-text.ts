import type { FunnelEvent, FunnelStep } from '../../api/types';
import { named, t } from '../../i18n/index.svelte';
import { conditionText } from './condition-text';

export const eventsOf = (step: FunnelStep): FunnelEvent[] => ('any' in step ? step.any : [step]);

/** The names of a step's events, such as "Cart Viewed or Checkout Started". */
export const stepName = (step: FunnelStep): string => eventsOf(step).map(({ event }) => named('event', event)).join(` ${t('funnel.or')} `);

/** Its conditions, one text each; with the event's name where there are several. */
export const stepConditions = (step: FunnelStep): string[] =>
  eventsOf(step).flatMap(({ event, where }, _, all) =>
    (where ?? []).map((condition) => (all.length > 1 ? `${named('event', event)}: ${conditionText(condition)}` : conditionText(condition))),
  );
