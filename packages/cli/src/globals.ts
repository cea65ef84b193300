/** Options that are read before the commands are known, since the config says which there are. */

export interface Globals {
  readonly config?: string;
  readonly logLevel?: string;
}

const OPTIONS: Readonly<Record<string, keyof Globals>> = { '-c': 'config', '--config': 'config', '--log-level': 'logLevel' };

export interface Scanned {
  /** Those before the first word, and those after: the latter may be a pass-through command's arguments. */
  readonly leading: Globals;
  readonly trailing: Globals;
  /** What is neither an option nor the value of one of these: the command, and arguments. */
  readonly words: readonly string[];
}

export function scanGlobals(argv: readonly string[]): Scanned {
  const leading: Record<string, string> = {};
  const trailing: Record<string, string> = {};
  const words: string[] = [];
  for (let i = 0; i < argv.length && argv[i] !== '--'; i++) {
    const [flag = '', inline] = split(argv[i] ?? '');
    const name = OPTIONS[flag];
    if (name) {
      const value = inline ?? argv[++i];
      if (value !== undefined) (words.length === 0 ? leading : trailing)[name] = value;
    } else if (!flag.startsWith('-')) words.push(flag);
  }
  return { leading, trailing, words };
}

function split(argument: string): [flag: string, value: string | undefined] {
  const at = argument.startsWith('--') ? argument.indexOf('=') : -1;
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
