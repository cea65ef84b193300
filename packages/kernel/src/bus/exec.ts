/** Commands in containers, by the frames that API servers have for them: the number of a channel, and what is said on it. */
import { STATUS_CODES } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Endpoint } from '../clusters/kubeconfig.ts';
import { KubeError, type Ran } from '../contracts/services.ts';

/** A server takes the first that it knows; without standard input they say the same. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const STDOUT = 1;
const STDERR = 2;
const OUTCOME = 3;
const CONNECT_TIMEOUT_MS = 10_000;

/** The Status with which a server says how the command ended. */
interface Outcome {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** Opens `path` and waits for the end of the command that it names. Rejects with a KubeError where it could not be run. */
export async function exec(
  endpoint: Endpoint,
  authorization: string | undefined,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Ran> {
  // It takes a while to load, and few processes need it.
  const { WebSocket } = await import('ws');
  signal?.throwIfAborted();
  const socket = new WebSocket(endpoint.server.replace(/^http/, 'ws') + path, PROTOCOLS, {
    ...endpoint.tls,
    headers: { 'user-agent': 'kosmos', ...(authorization && { authorization }) },
    handshakeTimeout: CONNECT_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  const aborted = () => socket.terminate();
  signal?.addEventListener('abort', aborted);
  const said: Record<number, Buffer[]> = { [STDOUT]: [], [STDERR]: [], [OUTCOME]: [] };
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (message: Buffer) => said[message[0] ?? 0]?.push(message.subarray(1)));
      socket.on('error', reject);
      socket.on('unexpected-response', (_request, response) => {
        const status = response.statusCode ?? 0;
        text(response).then((body) => reject(refusal(status, body)), reject);
      });
      socket.on('close', () => resolve());
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', aborted);
    socket.terminate();
  }
  signal?.throwIfAborted();
  const words = (channel: number) => Buffer.concat(said[channel]!).toString();
  return { code: exitCode(words(OUTCOME)), stdout: words(STDOUT), stderr: words(STDERR) };
}

function exitCode(outcome: string): number {
  if (outcome === '') throw Object.assign(new Error('the connection ended before the command'), { code: 'ECONNRESET' });
  const { status, reason, message = outcome, code = 500, details } = JSON.parse(outcome) as Outcome;
  if (status === 'Success') return 0;
  const exit = details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  if (reason === 'NonZeroExitCode' && exit !== undefined) return Number(exit);
  throw new KubeError(code, reason ?? 'InternalError', message);
}

function refusal(status: number, body: string): KubeError {
  const named = STATUS_CODES[status] ?? 'Unknown';
  try {
    const { reason = named, message = body } = JSON.parse(body) as Outcome;
    return new KubeError(status, reason, message);
  } catch {
    return new KubeError(status, named, body.trim().slice(0, 300));
  }
}
