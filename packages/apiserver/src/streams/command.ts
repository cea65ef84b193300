import { PassThrough, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { StreamError, type CommandIO, type TerminalSize } from './types.ts';

/** The protocols of a command's streams, best first. v5 differs from v4 in that a client can end the standard input. */
export const COMMAND_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
const CLOSE = 255;

export interface CommandRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Serves a command's streams: a binary message is the number of a channel and what is said on it. `run` gives the exit code. */
export async function serveCommand(socket: WebSocket, request: CommandRequest, run: (io: CommandIO) => Promise<number>): Promise<void> {
  const gone = new AbortController();
  const stdin = request.stdin ? new PassThrough() : undefined;
  let size: TerminalSize | undefined;
  let resized: ((size: TerminalSize) => void) | undefined;
  socket.on('message', (message: Buffer) => {
    const channel = message[0];
    const said = message.subarray(1);
    if (channel === STDIN && stdin && !stdin.writableEnded) {
      if (said.length && !stdin.write(said)) {
        socket.pause();
        stdin.once('drain', () => socket.resume());
      }
    } else if (channel === CLOSE && said[0] === STDIN) stdin?.end();
    else if (channel === RESIZE) {
      const read = sizeOf(said);
      if (read) resized?.((size = read));
    }
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    gone.abort();
    stdin?.end();
  });

  const say = (channel: number, chunk: Buffer | string, done: (error?: Error | null) => void = () => {}): void => {
    // Who went away misses nothing: the command is ended by the signal.
    if (socket.readyState !== socket.OPEN) return done();
    socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(chunk)]), { binary: true }, (error) =>
      done(gone.signal.aborted ? null : error),
    );
  };
  const output = (channel: number): Writable => new Writable({ write: (chunk: Buffer, _encoding, done) => say(channel, chunk, done) });
  const status = await outcome(run, {
    stdin,
    stdout: request.stdout ? output(STDOUT) : undefined,
    stderr: request.stderr && !request.tty ? output(STDERR) : undefined,
    tty: request.tty,
    onResize: (listener) => {
      resized = listener;
      if (size) listener(size);
    },
    signal: gone.signal,
  });
  say(ERROR, status, () => socket.close(1000));
}

/** How a command ended, as the Status that clients read: JSON. */
export async function outcome(run: (io: CommandIO) => Promise<number>, io: CommandIO): Promise<string> {
  const say = (status: object): string => JSON.stringify({ metadata: {}, ...status });
  try {
    const code = await run(io);
    if (code === 0) return say({ status: 'Success' });
    return say({
      status: 'Failure',
      message: `command terminated with non-zero exit code: exit status ${code}`,
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
    });
  } catch (error) {
    const code = error instanceof StreamError ? error.status : 500;
    return say({ status: 'Failure', message: (error as Error).message, reason: 'InternalError', code });
  }
}

/** Kubernetes' clients say `{"Width":80,"Height":24}`. */
export function sizeOf(text: Buffer): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text.toString()) as { Width?: unknown; Height?: unknown };
    const whole = (n: unknown): n is number => Number.isInteger(n) && (n as number) > 0 && (n as number) < 65536;
    return whole(width) && whole(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}
