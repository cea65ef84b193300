const CLASSES: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

const compiled = new Map<string, RegExp | undefined>();

/** A regular expression in Go's syntax (RE2) as one of ours; undefined where it is none. The syntax is that of https://golang.org/s/re2syntax. */
export function goRegExp(text: string): RegExp | undefined {
  if (compiled.has(text)) return compiled.get(text);
  const flags = /^\(\?([ims]+)\)/.exec(text);
  const body = text
    .slice(flags?.[0].length ?? 0)
    .replace(/\[:(\^?)([a-z]+):\]/g, (whole, not: string, name: string) => (not || !CLASSES[name] ? whole : CLASSES[name]!))
    .replace(/\(\?P</g, '(?<')
    .replace(/(?<!\\)((?:\\\\)*)\\A/g, '$1^')
    .replace(/(?<!\\)((?:\\\\)*)\\z/g, '$1$$');
  let found: RegExp | undefined;
  for (const unicode of ['u', '']) {
    try {
      // RE2 has no look-around and no back references.
      if (!/\(\?<?[=!]/.test(body.replace(/\\./g, ''))) found ??= new RegExp(body, `${flags?.[1] ?? ''}${unicode}`);
    } catch {
      // Go allows escapes that the unicode mode does not; the other mode takes them.
    }
  }
  if (compiled.size > 2000) compiled.clear();
  compiled.set(text, found);
  return found;
}
