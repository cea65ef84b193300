/** Runs the host's tools as argument vectors, never through a shell. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { HostNetError } from './errors.ts';

/** Runs a tool somewhere else, such as in a container on another machine; resolves with whatever exit code. */
export type Runner = (argv: readonly string[], options: { readonly signal?: AbortSignal; readonly input?: string }) => Promise<Ran>;

export interface RunOptions {
  /** Instead of a process of this machine. */
  readonly runner?: Runner | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default 20 s. */
  readonly timeoutMs?: number | undefined;
  /** Parts are asked for as the program reads them. */
  readonly input?: string | Iterable<string> | undefined;
}
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
/** Megabytes are slow to put together, so they stay in the parts that they came in. */
interface RanInParts extends Omit<Ran, 'stdout'> {
  readonly parts: readonly Buffer[];
}

const PACKAGES: Readonly<Record<string, string>> = { ip: 'iproute2', bridge: 'iproute2', nft: 'nftables', nsenter: 'util-linux' };
const packageOf = (file: string) => PACKAGES[file] ?? (/^ip6?tables-/.test(file) ? 'iptables' : undefined);

/** Where system tools live beside PATH, which users other than root often lack; and nothing else of this process. */
export function toolEnv(): NodeJS.ProcessEnv {
  // An empty entry would be the current directory.
  const path = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  return { PATH: path, LC_ALL: 'C' };
}

/** Resolves with whatever exit code; rejects when the tool is missing or is killed, by the deadline or the signal. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { parts, ...ran } = await start(argv, options);
  return { ...ran, stdout: together(parts) };
}

export const together = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString();

async function elsewhere(runner: Runner, argv: readonly string[], { signal, input }: RunOptions): Promise<RanInParts> {
  const text = typeof input === 'string' ? input : input && [...input].join('');
  const { stdout, ...ran } = await runner(argv, { ...(signal && { signal }), ...(text && { input: text }) });
  if (ran.code === 127) throw missing(argv[0]!, Object.assign(new Error(ran.stderr), { code: 'ENOENT' }));
  return { ...ran, parts: [Buffer.from(stdout)] };
}

function start(argv: readonly string[], options: RunOptions): Promise<RanInParts> {
  if (options.runner) return elsewhere(options.runner, argv, options);
  const [file, ...args] = argv as [string, ...string[]];
  const { signal, timeoutMs = 20_000 } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(new HostNetError('HOSTNET_E_ABORTED', `${argv.join(' ')} was not started: aborted`));
      return;
    }
    const child = spawn(file, args, { env: toolEnv(), stdio: 'pipe' });
    const parts: Buffer[] = [];
    let stderr = '';
    let killed: Error | undefined;
    const kill = (why: Error) => {
      killed ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => kill(new HostNetError('HOSTNET_E_TIMEOUT', `${argv.join(' ')} did not end within ${timeoutMs} ms and was killed`)),
      timeoutMs,
    );
    const abort = () => kill(new HostNetError('HOSTNET_E_ABORTED', `${argv.join(' ')} was killed: aborted`));
    signal?.addEventListener('abort', abort, { once: true });
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', (cause: NodeJS.ErrnoException) => {
      done();
      reject(missing(file, cause));
    });
    child.once('close', (code, by) => {
      done();
      const lacks = code === 127 && /^nsenter: failed to execute (\S+): No such file/.exec(stderr)?.[1];
      if (killed) reject(killed);
      else if (lacks) reject(missing(lacks, Object.assign(new Error(stderr), { code: 'ENOENT' })));
      else resolve({ code: code ?? 128, parts, stderr: by ? `${stderr}killed by ${by}` : stderr });
    });
    child.stdin.on('error', () => {}); // it ended before it read all; its exit code says why
    const { input = '' } = options;
    if (typeof input === 'string') child.stdin.end(input);
    else Readable.from(input).once('error', kill).pipe(child.stdin);
  });
}

/** What it wrote. Rejects when the exit code isn't 0. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return together(await mustInParts(argv, options));
}

export async function mustInParts(argv: readonly string[], options: RunOptions = {}): Promise<readonly Buffer[]> {
  const { code, parts, stderr } = await start(argv, options);
  if (code !== 0) throw failed(argv, stderr || together(parts));
  return parts;
}

/** What a failed command says, as an error. `item`: what of several it was about. */
export function failed(argv: readonly string[], words: string, item?: string): HostNetError {
  const said = words.trim() || 'no reason given';
  const message = `${argv.join(' ')}${item === undefined ? '' : `, '${item}'`}: ${said}`;
  if (/operation not permitted|permission denied/i.test(said)) {
    return new HostNetError(
      'HOSTNET_E_NOT_PERMITTED',
      message,
      'Run as root, or with CAP_NET_ADMIN (and CAP_SYS_ADMIN for other network namespaces).',
    );
  }
  return new HostNetError('HOSTNET_E_COMMAND', message);
}

/** A program that cannot be started. */
export function missing(file: string, cause: NodeJS.ErrnoException): HostNetError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') return failed([file], cause.message);
  const from = packageOf(file);
  return new HostNetError(
    'HOSTNET_E_TOOL_MISSING',
    `The program '${file}' cannot be started (${cause.code ?? cause.message})`,
    from && `Install ${from}, e.g. apt-get install ${from}.`,
  );
}
