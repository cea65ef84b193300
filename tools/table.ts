/** Columns as kubectl prints them. */
export function table(header: readonly string[], rows: readonly (readonly (string | undefined)[])[]): string {
  const all = [header, ...rows].map((row) => row.map((cell) => cell ?? '<none>'));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd()).join('\n');
}
