import type { CommandOption } from './command.ts';

/** Lines of columns as kubectl prints them, for the commands of plugins; what is not there is a dash. */
export function table(header: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const all = [header, ...rows.map((row) => row.map((cell) => (cell === undefined || cell === '' ? '-' : String(cell))))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** Of commands that print objects. */
export const OUTPUTS = ['table', 'wide', 'yaml', 'json'] as const;
export const OUTPUT_OPTION: CommandOption = {
  flags: '-o, --output <format>',
  description: 'how to print',
  default: 'table',
  choices: OUTPUTS,
};

export interface Columns {
  readonly header: readonly string[];
  /** Further columns, of `wide` only. */
  readonly wide?: readonly string[];
  /** The cells of all columns. */
  readonly rows: readonly (readonly (string | number | undefined)[])[];
}

/** What a command with OUTPUT_OPTION prints: the items themselves, or a line for each; `nothing` where there are no lines. */
export async function printed(
  output: unknown,
  items: readonly unknown[],
  { header, wide = [], rows }: Columns,
  nothing: string,
): Promise<string> {
  if (output === 'json') return `${JSON.stringify(items, undefined, 2)}\n`;
  if (output === 'yaml') {
    const { stringify } = await import('yaml'); // most processes print none
    return stringify(items, { aliasDuplicateObjects: false, lineWidth: 0 });
  }
  const columns = output === 'wide' ? [...header, ...wide] : header;
  return rows.length === 0
    ? `${nothing}\n`
    : `${table(
        columns,
        rows.map((row) => row.slice(0, columns.length)),
      )}\n`;
}

/** A duration as kubectl shows an age: `850ms`, `12s`, `5m`, `3h`, `2d`. */
export function age(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
