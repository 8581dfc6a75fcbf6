/** Converts offer times between RFC 3339 and datetime-local inputs, in the browser's time zone. */

export function toLocal(at: string | null | undefined): string {
  if (!at) return '';
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export const fromLocal = (text: string): string | null => (text ? new Date(text).toISOString() : null);

/** An ID made from a name: readable if possible, never empty. */
export function slug(name: string): string {
  const readable = name.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
  if (readable || !name) return readable;
  const sum = [...name].reduce((hash, letter) => (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0, 7);
  return `offer-${sum.toString(36)}`;
}
