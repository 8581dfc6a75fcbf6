import { preferences } from '../state/preferences.svelte';
import { exponent } from './amount';
import { t } from './index.svelte';

/** Numbers, money, times and names in the user's locale. Formatters are expensive to build, so they are cached. */

const cache = new Map<string, unknown>();

function cached<F>(kind: string, build: (locale: string) => F, options: object = {}): F {
  const id = `${preferences.locale}/${kind}/${JSON.stringify(options)}`;
  let formatter = cache.get(id) as F | undefined;
  if (!formatter) {
    formatter = build(preferences.locale);
    cache.set(id, formatter);
  }
  return formatter;
}

const numbers = (options: Intl.NumberFormatOptions) =>
  cached('number', (locale) => new Intl.NumberFormat(locale, options), options);
const dates = (options: Intl.DateTimeFormatOptions) =>
  cached('date', (locale) => new Intl.DateTimeFormat(locale, options), options);

export const number = (value: number): string => numbers({ maximumFractionDigits: 2 }).format(value);
/** A row of figures whose order matters, isolated from text that runs from right to left. */
export const leftToRight = (text: string): string => `\u2066${text}\u2069`;
export const points = (rate: number): string => numbers({ maximumFractionDigits: 1 }).format(rate * 100);
export const compact = (value: number): string =>
  numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(value);

/** A share; "–" if there is nothing to divide by. */
export function percent(rate: number | null): string {
  if (rate === null) return '–';
  // A small share must not read as 0%, and a nearly full one not as 100%.
  if (rate > 0 && rate < 0.0005) return `<${percent(0.001)}`;
  const fine = rate !== 0 && (Math.abs(rate) < 0.1 || (rate > 0.99 && rate < 1));
  const shown = rate < 1 ? Math.min(rate, 0.999) : rate;
  return numbers({ style: 'percent', minimumFractionDigits: fine ? 1 : 0, maximumFractionDigits: fine ? 1 : 0 }).format(shown);
}

/** A stored amount in the site's currency, such as in a rule. */
export const storedMoney = (minor: number, currency: string): string =>
  money(currency === 'IRT' ? minor / 10 : minor, currency);

export function money(minor: number, currency: string, options: Intl.NumberFormatOptions = {}): string {
  const digits = exponent(currency);
  const major = minor / 10 ** digits;
  // Amounts of one column have the same decimals; toman has none in use.
  const fraction = currency === 'IRT' && Number.isInteger(major) ? 0 : digits;
  const fractions = options.notation ? {} : { minimumFractionDigits: fraction, maximumFractionDigits: fraction };
  // Toman has no ISO 4217 code, so Intl has no name for it.
  if (currency === 'IRT') return t('money.toman', { amount: numbers({ ...fractions, ...options }).format(major) });
  // ISO 4217 code for no currency: the amount alone.
  if (currency === 'XXX') return numbers({ ...fractions, ...options }).format(major);
  try {
    return numbers({ style: 'currency', currency, ...fractions, ...options }).format(major);
  } catch {
    return `${number(major)} ${currency}`;
  }
}

export const compactMoney = (minor: number, currency: string): string =>
  money(minor, currency, { notation: 'compact', maximumFractionDigits: 1 });

/** A duration in at most two units. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return unit(Math.max(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds), 0), 'second');
  if (seconds < 3600) return pair(seconds / 60, 'minute', 60, 'second', 10);
  if (seconds < 86_400) return pair(seconds / 3600, 'hour', 60, 'minute', 10);
  return pair(seconds / 86_400, 'day', 24, 'hour', 7);
}

function pair(value: number, large: string, ratio: number, small: string, smallBelow: number): string {
  const whole = Math.floor(value);
  const rest = Math.round((value - whole) * ratio);
  if (value >= smallBelow || rest === 0) return unit(Math.round(value), large);
  return rest === ratio ? unit(whole + 1, large) : `${unit(whole, large)} ${unit(rest, small)}`;
}

const unit = (value: number, name: string): string =>
  numbers({ style: 'unit', unit: name, unitDisplay: preferences.language === 'fa' ? 'short' : 'narrow', maximumFractionDigits: 1 }).format(value);

export function monthAndYear(date: Date): string {
  const parts = dates({ month: 'long', year: 'numeric', timeZone: 'UTC' }).formatToParts(date);
  return ['month', 'year'].map((type) => parts.find((part) => part.type === type)?.value ?? '').join(' ');
}

/** Times are shown in the site's time zone. */
const times = (at: string | Date, options: Intl.DateTimeFormatOptions, timeZone = preferences.timezone) =>
  dates({ ...options, timeZone }).format(new Date(at));

export const day = (at: string | Date, timeZone?: string): string =>
  times(at, { day: 'numeric', month: 'short', year: 'numeric' }, timeZone);
export const dayAndMonth = (at: string | Date, timeZone?: string): string =>
  times(at, { day: 'numeric', month: 'short' }, timeZone);
export const weekday = (at: string | Date, timeZone?: string): string =>
  times(at, { weekday: 'short', day: 'numeric', month: 'short' }, timeZone);
export const month = (at: string | Date, timeZone?: string): string =>
  times(at, { month: 'long', year: 'numeric' }, timeZone);
export const dayAndTime = (at: string | Date, timeZone?: string): string =>
  times(at, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }, timeZone);
/** The same with the year. */
export const dayAndClock = (at: string | Date): string =>
  times(at, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
export const time = (at: string | Date, timeZone?: string): string => times(at, { hour: '2-digit', minute: '2-digit' }, timeZone);
export const clock = (at: string | Date): string => times(at, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A time zone with its offset now, such as "Asia/Tehran (GMT+3:30)". */
export function zone(timeZone: string): string {
  const offset = dates({ timeZoneName: 'shortOffset', timeZone })
    .formatToParts(new Date())
    .find((part) => part.type === 'timeZoneName')?.value;
  // The name is isolated, so that the text has the direction of the language.
  return offset && offset !== timeZone ? `\u2068${timeZone}\u2069 (${offset})` : timeZone;
}

export function dayRange(start: Date, end: Date, timeZone: string): string {
  return dates({ day: 'numeric', month: 'short', year: 'numeric', timeZone }).formatRange(start, end);
}

/** The name of a country or language by its code. */
function displayName(kind: 'region' | 'language', code: string): string {
  if (!code) return t('value.unknown');
  try {
    const names = cached(kind, (locale) => new Intl.DisplayNames(locale, { type: kind }));
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

export const country = (code: string): string => displayName('region', code);
export const language = (code: string): string => displayName('language', code);

export const compare = (a: string, b: string): number =>
  cached('collator', (locale) => new Intl.Collator(locale)).compare(a, b);

const AGES: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60], ['hour', 3600], ['day', 86_400], ['month', 30 * 86_400], ['year', 365 * 86_400],
];

/** Relative time in the largest unit that fits. */
export function ago(at: string | Date): string {
  const seconds = (new Date(at).getTime() - Date.now()) / 1000;
  const [unit, size] = AGES.findLast(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  const relative = cached('ago', (locale) => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }));
  return relative.format(unit === 'second' ? 0 : Math.trunc(seconds / size), unit);
}
