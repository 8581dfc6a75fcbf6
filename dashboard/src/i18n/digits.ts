/** Replaces Persian and Arabic digits and decimal separators with Latin ones. */
export const latinDigits = (text: string): string =>
  text
    .replace(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x06f0))
    .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x0660))
    .replace('٫', '.');

/**
 * A typed number. One that a double would round, such as an ID above 2^53, stays its own text; undefined if the text is
 * no number.
 */
export function toNumber(text: string): number | string | undefined {
  const plain = latinDigits(text).trim();
  const number = Number(plain);
  if (plain === '' || !Number.isFinite(number)) return undefined;
  const digits = plain.replace(/e.*$/i, '').replace(/\D/g, '').replace(/^0+/, '');
  return digits.length > 15 && !Number.isSafeInteger(number) ? plain : number;
}
