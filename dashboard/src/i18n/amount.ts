/** Converts amounts between typed text and stored minor units, by moving digits and without fractions. */
import { latinDigits } from './digits';

/** ISO 4217 exponents other than 2; not taken from Intl, which differs for some currencies. */
const EXPONENTS: Record<number, string> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

export function exponent(currency: string): number {
  const found = Object.entries(EXPONENTS).find(([, codes]) => codes.split(' ').includes(currency));
  return found ? Number(found[0]) : 2;
}

/** Decimal places between typed and stored amounts; toman amounts are stored in rials (× 10). */
const places = (currency: string): number => exponent(currency) + (currency === 'IRT' ? 1 : 0);

/** Why a text is not an amount: not a number, too many decimal places, or too large to store. */
export type AmountError = 'no_number' | 'too_fine' | 'too_large';

/** Parses a typed amount, in any digits, with or without thousands separators. */
export function toMinorUnits(text: string, currency: string): number | AmountError {
  const plain = latinDigits(text).trim().replace(/(?<=\d)[,٬'\s](?=\d{3}(?!\d))/g, '');
  const parts = /^(\d+)(?:\.(\d*))?$/.exec(plain);
  if (!parts) return 'no_number';
  const fraction = (parts[2] ?? '').replace(/0+$/, '');
  if (fraction.length > places(currency)) return 'too_fine';
  const minor = Number((parts[1] ?? '') + fraction.padEnd(places(currency), '0'));
  return Number.isSafeInteger(minor) ? minor : 'too_large';
}

/** A stored amount as typed text; undefined if it is not a whole number of minor units. */
export function typed(minor: unknown, currency: string): string | undefined {
  if (typeof minor !== 'number' || !Number.isSafeInteger(minor) || minor < 0) return undefined;
  const digits = String(minor).padStart(places(currency) + 1, '0');
  const point = digits.length - places(currency);
  const fraction = digits.slice(point);
  return /[1-9]/.test(fraction) ? `${digits.slice(0, point)}.${fraction}` : digits.slice(0, point);
}

/** Splits a list of amounts at semicolons, or at commas before whitespace: `12,500` is one amount. */
export const amounts = (text: string): string[] => text.split(/[;؛،]|,(?=\s|$)/).map((part) => part.trim()).filter(Boolean);
