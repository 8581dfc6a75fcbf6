import type { CustomerSatisfaction, NetPromoterScore } from '../../api/types';
import * as format from '../../i18n/format';

/** A net promoter score: a whole number with its sign, never a percentage. */
export const npsText = (score: number | null): string => {
  if (score === null) return '–';
  const whole = Math.round(score);
  return whole > 0 ? `+${format.number(whole)}` : format.number(whole === 0 ? 0 : whole);
};
export const npsRange = ({ interval }: Pick<NetPromoterScore, 'interval'>): string | undefined =>
  interval ? `${npsText(interval[0] ?? null)} – ${npsText(interval[1] ?? null)}` : undefined;
export const csatRange = ({ interval }: Pick<CustomerSatisfaction, 'interval'>): string | undefined =>
  interval ? `${format.percent(interval[0] ?? null)} – ${format.percent(interval[1] ?? null)}` : undefined;
