/**
 * CSV as RFC 4180 has it (CRLF, quotes doubled), safe to open in a spreadsheet.
 *
 * A text that starts with one of = + - @ tab CR would run as a formula; it gets a leading apostrophe, which is
 * the one way in which a cell differs from the record. `event_json` starts with a brace and stays verbatim.
 * Numbers stay numbers, negative ones too.
 *
 * Source:  RFC 4180; OWASP, CSV injection.
 * Pure:    no I/O.
 */
const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;

/** One row with its line end. Null is an empty cell. */
export function csvRow(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
