/** Streams over SPDY/3.1 by itself, as kube-apiserver talks to kubelets whatever its own client speaks. */
import type { Duplex } from 'node:stream';
import { type CommandRequest, outcome, sizeOf } from './command.ts';
import { portForwardSession } from './port-forward.ts';
import { SpdySession, type SpdyStream, type SpdyTransport } from './spdy.ts';
import type { CommandIO, PortDialer, TerminalSize } from './types.ts';

/** As the header Upgrade has it, in lower case. */
export const SPDY = 'spdy/3.1';
/** The protocols, as the header X-Stream-Protocol-Version has them. */
export const SPDY_COMMAND = 'v4.channel.k8s.io';
export const SPDY_PORT_FORWARD = 'portforward.k8s.io';

/** How long a command waits for all of its streams, as in Kubernetes' kubelet. */
const STREAMS_MS = 30_000;

export function spdyPortForward(socket: Duplex, head: Buffer, dialer: PortDialer): void {
  const session = portForwardSession(dialer, transportOf(socket));
  follow(socket, head, session, () => dialer.close());
}

/** A command's streams are opened by the other side, each with what it is for in its header `streamtype`; then the command runs. */
export async function spdyCommand(
  socket: Duplex,
  head: Buffer,
  request: CommandRequest,
  run: (io: CommandIO) => Promise<number>,
): Promise<void> {
  const gone = new AbortController();
  const streams = new Map<string, SpdyStream>();
  const wanted = [
    'error',
    ...(['stdin', 'stdout'] as const).filter((name) => request[name]),
    ...(request.stderr && !request.tty ? ['stderr'] : []),
    ...(request.tty ? ['resize'] : []),
  ];
  const opened = Promise.withResolvers<void>();
  const session = new SpdySession(transportOf(socket), (stream) => {
    stream.on('error', () => stream.destroy());
    streams.set(stream.headers.get('streamtype') ?? '', stream);
    if (wanted.every((name) => streams.has(name))) opened.resolve();
  });
  const timer = setTimeout(() => opened.reject(new Error('not all streams of the command were opened')), STREAMS_MS);
  follow(socket, head, session, () => {
    gone.abort();
    opened.reject(new Error('the other side went away'));
  });
  try {
    await opened.promise;
  } catch {
    socket.destroy();
    return;
  } finally {
    clearTimeout(timer);
  }
  const status = await outcome(run, {
    stdin: request.stdin ? streams.get('stdin') : undefined,
    stdout: request.stdout ? streams.get('stdout') : undefined,
    stderr: request.stderr && !request.tty ? streams.get('stderr') : undefined,
    tty: request.tty,
    onResize: (listener) => streams.get('resize')?.on('data', (text: Buffer) => sizesIn(text).forEach(listener)),
    signal: gone.signal,
  });
  for (const name of ['stdout', 'stderr']) if (!streams.get(name)?.writableEnded) streams.get(name)?.end();
  streams.get('error')!.end(status, () => socket.end());
}

/** One size after the other, in as many frames as they come. */
function sizesIn(text: Buffer): TerminalSize[] {
  return [...text.toString().matchAll(/\{[^{}]*\}/g)].flatMap(([size]) => sizeOf(Buffer.from(size)) ?? []);
}

function transportOf(socket: Duplex): SpdyTransport {
  return {
    send: (bytes, done) => void socket.write(bytes, done),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    fail: () => void socket.destroy(),
  };
}

function follow(socket: Duplex, head: Buffer, session: SpdySession, closed: () => void): void {
  if (head.length > 0) session.receive(head);
  socket.on('data', (bytes: Buffer) => session.receive(bytes));
  socket.once('end', () => socket.end());
  socket.once('close', () => {
    session.close();
    closed();
  });
}
