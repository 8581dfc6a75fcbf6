/** A table as CSV, for lists that only the page has. Text that a spreadsheet would run as a formula gets an apostrophe. */
export type Cell = string | number | null;

export function csv(rows: Cell[][]): Blob {
  const text = rows.map((row) => row.map(cell).join(',')).join('\r\n');
  return new Blob(['\ufeff', text, '\r\n'], { type: 'text/csv;charset=utf-8' });
}

function cell(value: Cell): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  const safe = /^[\s\p{C}]*[=+\-@＝＋－＠−]|^\p{Cc}/u.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
