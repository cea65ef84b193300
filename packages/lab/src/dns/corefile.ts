/** A plugin or an option of one: its words, and what stands in braces after it. */
export interface Directive {
  readonly words: readonly string[];
  readonly block: readonly Directive[];
  readonly line: number;
}

/** `zone:port ... { ... }` */
export interface ServerBlock {
  readonly zones: readonly { readonly zone: string; readonly port: number }[];
  readonly plugins: readonly Directive[];
}

export class CorefileError extends Error {}

interface Token {
  readonly text: string;
  readonly line: number;
  readonly quoted: boolean;
}

const DNS_PORT = 53;

/** Reads a Corefile. Throws CorefileError with the line. */
export function parseCorefile(text: string): ServerBlock[] {
  const lines = tokenize(text);
  const blocks: ServerBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const keys: Token[] = [];
    // Keys may stand on several lines, with commas between them.
    while (at < lines.length && lines[at]?.at(-1)?.text !== '{') keys.push(...(lines[at++] as Token[]));
    const opening = lines[at];
    if (!opening) throw new CorefileError(`line ${keys[0]?.line ?? 1}: a server block has no braces`);
    keys.push(...opening.slice(0, -1));
    const { block, next } = readBlock(lines, at + 1, opening[0]?.line ?? 1);
    const zones = keys.flatMap((k) => k.text.split(',').filter((z) => z !== '')).map((key) => zoneOf(key, opening[0]?.line ?? 1));
    if (zones.length === 0) throw new CorefileError(`line ${opening[0]?.line ?? 1}: a server block has no zone`);
    blocks.push({ zones, plugins: block });
    at = next;
  }
  return blocks;
}

/** Lines of words; a brace ends a line. */
function tokenize(text: string): Token[][] {
  const lines: Token[][] = [];
  for (const [i, source] of text.split('\n').entries()) {
    const words: Token[] = [];
    for (const match of source.matchAll(/#.*$|"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
      if (match[0].startsWith('#')) break;
      words.push({ text: match[1]?.replaceAll('\\"', '"') ?? (match[2] as string), line: i + 1, quoted: match[1] !== undefined });
    }
    let line: Token[] = [];
    for (const word of words) {
      if (!word.quoted && word.text === '}' && line.length > 0) lines.push(line.splice(0));
      line.push(word);
      if (!word.quoted && (word.text === '{' || word.text === '}')) {
        lines.push(line);
        line = [];
      }
    }
    if (line.length > 0) lines.push(line);
  }
  return lines;
}

function readBlock(lines: readonly Token[][], from: number, opened: number): { block: Directive[]; next: number } {
  const block: Directive[] = [];
  let at = from;
  for (;;) {
    const line = lines[at];
    const first = line?.[0];
    if (!line || !first) throw new CorefileError(`line ${opened}: the block that begins here has no end`);
    if (first.text === '}' && !first.quoted) return { block, next: at + 1 };
    const opens = line.at(-1)?.text === '{' && !line.at(-1)?.quoted;
    const words = (opens ? line.slice(0, -1) : line).map((t) => t.text);
    const inner = opens ? readBlock(lines, at + 1, first.line) : { block: [], next: at + 1 };
    if (words.length === 0) throw new CorefileError(`line ${first.line}: braces without a name before them`);
    block.push({ words, block: inner.block, line: first.line });
    at = inner.next;
  }
}

function zoneOf(key: string, line: number): { zone: string; port: number } {
  const match = /^(?:dns:\/\/)?(.*?)(?::(\d+))?$/.exec(key);
  if (!match || key.includes('://') !== key.startsWith('dns://')) throw new CorefileError(`line ${line}: '${key}' is no zone of plain DNS`);
  return { zone: canonicalZone(match[1] || '.'), port: match[2] === undefined ? DNS_PORT : Number(match[2]) };
}

/** Lower case, without the last dot; the root is `.`. A CIDR of whole bytes or nibbles stands for its reverse zone. */
export function canonicalZone(text: string): string {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(8|16|24)$/.exec(text);
  if (v4)
    return `${v4
      .slice(1, 1 + Number(v4[5]) / 8)
      .reverse()
      .join('.')}.in-addr.arpa`;
  return text === '.' ? '.' : text.toLowerCase().replace(/\.$/, '');
}

export const within = (name: string, zone: string): boolean => zone === '.' || name === zone || name.endsWith(`.${zone}`);

/** The text of directives, for software that reads a Corefile itself. */
export function printCorefile(blocks: readonly ServerBlock[]): string {
  const word = (w: string) => (/^[^\s"{}#]+$/.test(w) ? w : `"${w.replaceAll('"', '\\"')}"`);
  const print = (d: Directive, indent: string): string => {
    const head = `${indent}${d.words.map(word).join(' ')}`;
    return d.block.length === 0 ? `${head}\n` : `${head} {\n${d.block.map((b) => print(b, `${indent}    `)).join('')}${indent}}\n`;
  };
  return blocks
    .map((b) => `${b.zones.map((z) => `${z.zone}:${z.port}`).join(' ')} {\n${b.plugins.map((p) => print(p, '    ')).join('')}}\n`)
    .join('');
}
