import { latinDigits } from '../../i18n/digits';
import { sha256 } from './sha256';

/** What a typed text is taken for. */
export const SEARCH_KINDS = ['auto', 'email', 'phone', 'id'] as const;
export type SearchKind = (typeof SEARCH_KINDS)[number];

/** An e-mail address as its hash is made of it: trimmed, in lower case. */
export const normalEmail = (text: string): string => text.trim().toLowerCase();

/** The digits of a phone number, with a leading `+` where it has one; `00` at the beginning counts as `+`. */
export const normalPhone = (text: string): string => latinDigits(text).replace(/[^0-9+]/g, '').replace(/^00/, '+');

/** What a text is, as far as it shows: user ids can look like anything, so only clear cases count. */
export function guessed(text: string): Exclude<SearchKind, 'auto'> {
  const plain = latinDigits(text.trim());
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(plain)) return 'email';
  const digits = plain.replace(/\D/g, '').length;
  if (/^(\+|00|0)[\d\s().-]+$/.test(plain) && digits >= 9 && digits <= 16) return 'phone';
  return 'id';
}

/**
 * What is sent for a typed text: e-mail addresses and phone numbers as SHA-256 only, so that they are neither sent nor
 * written to a log; ids as they are. Empty if there is nothing to search for.
 */
export function searchText(text: string, kind: SearchKind): string {
  switch (kind === 'auto' ? guessed(text) : kind) {
    case 'email':
      return normalEmail(text) && sha256(normalEmail(text));
    case 'phone':
      return normalPhone(text) && sha256(normalPhone(text));
    default:
      return text.trim();
  }
}
