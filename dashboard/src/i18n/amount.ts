/** Amounts of money as they are typed and as they are stored: whole minor units, digits moved and never a fraction. */
import { latinDigits } from './digits';

/** ISO 4217 exponents other than 2; Intl follows another list for some of them, so it is not asked. */
const EXPONENTS: Record<number, string> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

export function exponent(currency: string): number {
  const found = Object.entries(EXPONENTS).find(([, codes]) => codes.split(' ').includes(currency));
  return found ? Number(found[0]) : 2;
}

/** Places between what is typed and what is stored; amounts in toman are stored in rials, ten to one. */
const places = (currency: string): number => exponent(currency) + (currency === 'IRT' ? 1 : 0);

/** Why a text is no amount: not a number, more digits than the currency has, or more than can be stored. */
export type AmountError = 'no_number' | 'too_fine' | 'too_large';

/** Minor units of a typed amount, in any digits, with or without marks between thousands; or why it is none. */
export function toMinorUnits(text: string, currency: string): number | AmountError {
  const plain = latinDigits(text).trim().replace(/(?<=\d)[,٬'\s](?=\d{3}(?!\d))/g, '');
  const parts = /^(\d+)(?:\.(\d*))?$/.exec(plain);
  if (!parts) return 'no_number';
  const fraction = (parts[2] ?? '').replace(/0+$/, '');
  if (fraction.length > places(currency)) return 'too_fine';
  const minor = Number((parts[1] ?? '') + fraction.padEnd(places(currency), '0'));
  return Number.isSafeInteger(minor) ? minor : 'too_large';
}

/** A stored amount as it is typed; undefined for what is none, such as a fraction of a minor unit. */
export function typed(minor: unknown, currency: string): string | undefined {
  if (typeof minor !== 'number' || !Number.isSafeInteger(minor) || minor < 0) return undefined;
  const digits = String(minor).padStart(places(currency) + 1, '0');
  const point = digits.length - places(currency);
  const fraction = digits.slice(point);
  return /[1-9]/.test(fraction) ? `${digits.slice(0, point)}.${fraction}` : digits.slice(0, point);
}

/** The amounts of a list, parted by commas before blanks or by semicolons: `12,500` is one amount. */
export const amounts = (text: string): string[] => text.split(/[;؛،]|,(?=\s|$)/).map((part) => part.trim()).filter(Boolean);
