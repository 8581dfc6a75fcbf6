import type { CapPeriod, Offer, OfferStatus, Weekday } from '../../api/types';
import { toMinorUnits, typed } from '../../i18n/amount';
import { newKey } from '../rule/tree';

/** State, schedule, limits and control group of an offer while being edited. */
export const STATUSES: OfferStatus[] = ['draft', 'live', 'paused', 'archived'];
export const PERIODS: CapPeriod[] = ['hour', 'day', 'week', 'month', 'ever'];
export const DAYS: Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export type Limits = {
  status: OfferStatus;
  weight: number | null | undefined;
  days: Weekday[];
  from: string;
  to: string;
  caps: { key: number; count: number; per: CapPeriod }[];
  budget: number | null | undefined;
  coupons: boolean;
  group: string;
  control: number | null | undefined;
  goal: string;
  cost: string;
};

export const newCap = () => ({ key: newKey(), count: 3, per: 'day' as CapPeriod });

export function readLimits(offer: Offer | undefined, currency: string): Limits {
  return {
    status: offer?.status ?? 'draft',
    weight: offer?.weight,
    days: [...(offer?.schedule?.days ?? [])],
    from: offer?.schedule?.from ?? '',
    to: offer?.schedule?.to ?? '',
    caps: (offer?.caps ?? []).map((cap) => ({ key: newKey(), ...cap })),
    budget: offer?.budget?.impressions,
    coupons: offer?.coupons ?? false,
    group: offer?.exclusion_group ?? '',
    control: offer?.control_percent,
    goal: offer?.goal?.event ?? '',
    cost: offer?.cost_minor == null ? '' : (typed(offer.cost_minor, currency) ?? ''),
  };
}

/** The offer's fields; what the form does not show of a goal or schedule stays. */
export function writeLimits(limits: Limits, offer: Offer | undefined, currency: string): Partial<Offer> {
  const { days, from, to } = limits;
  const isScheduled = days.length > 0 || from !== '' || to !== '';
  const timezone = offer?.schedule?.timezone;
  const goal = limits.goal.trim();
  const cost = limits.cost.trim() ? toMinorUnits(limits.cost, currency) : undefined;
  return {
    status: limits.status,
    ...(limits.weight ? { weight: limits.weight } : {}),
    ...(isScheduled ? { schedule: { days, ...(from && { from }), ...(to && { to }), ...(timezone && { timezone }) } } : {}),
    ...(limits.caps.length > 0 ? { caps: limits.caps.map(({ count, per }) => ({ count, per })) } : {}),
    ...(limits.budget ? { budget: { impressions: limits.budget } } : {}),
    ...(limits.coupons ? { coupons: true } : {}),
    ...(limits.group.trim() ? { exclusion_group: limits.group.trim() } : {}),
    ...(limits.control ? { control_percent: limits.control } : {}),
    ...(goal ? { goal: goal === offer?.goal?.event ? offer.goal : { event: goal } } : {}),
    ...(typeof cost === 'number' ? { cost_minor: cost } : {}),
    ...(offer?.ranking ? { ranking: offer.ranking } : {}),
  };
}
