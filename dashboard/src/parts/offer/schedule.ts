import { fromAbsolute, parseDateTime, toCalendarDateTime, toZoned } from '@internationalized/date';

/** Converts offer times between RFC 3339 and datetime-local inputs, in the site's time zone. */

export function toLocal(at: string | null | undefined, timezone: string): string {
  return at ? toCalendarDateTime(fromAbsolute(Date.parse(at), timezone)).toString().slice(0, 16) : '';
}

export const fromLocal = (text: string, timezone: string): string | null =>
  text ? toZoned(parseDateTime(text), timezone).toDate().toISOString() : null;

/** An ID made from a name: readable if possible, never empty. */
export function slug(name: string, prefix = 'offer'): string {
  const readable = name.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
  if (readable || !name) return readable;
  const sum = [...name].reduce((hash, letter) => (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 7);
  return `${prefix}-${sum.toString(36)}`;
}
