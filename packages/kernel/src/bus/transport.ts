/** Requests to one API server. Reads, and writes with leases, have connections of their own: a large first list holds up neither. */
import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type Clock, KubeError, type Ran } from '../contracts/services.ts';
import { withDeadline } from '../host/deadline.ts';
import { Connection, type Response } from './connection.ts';
import type { Endpoint } from '../clusters/kubeconfig.ts';
import { exec } from './exec.ts';

/** Of a request that is not a watch; a server under load may be slow, a dead one must not hold a reconcile for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface RequestOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

export class Transport {
  readonly server: string;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #reads: Connection;
  readonly #writes: Connection;
  /** On this machine, where to compress costs more than to send. */
  readonly #near: boolean;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.server = endpoint.server;
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#near = /^https?:\/\/(127\.|localhost[:/]|\[::1\])/.test(endpoint.server);
    this.#reads = new Connection(endpoint, clock);
    this.#writes = new Connection(endpoint, clock);
  }

  /** The parsed answer; a status >= 400 throws a KubeError. */
  request(path: string, options: RequestOptions = {}): Promise<unknown> {
    const ask = async (signal: AbortSignal): Promise<unknown> => {
      const { headers, body } = await this.#send(path, options, signal);
      const text = await textOf(body);
      return String(headers['content-type']).includes('json') ? JSON.parse(text) : text;
    };
    return withDeadline(this.#clock, REQUEST_TIMEOUT_MS, ask, options.signal);
  }

  /** A body to read as it comes; aborted by `signal` alone once the headers are there. */
  async stream(path: string, signal: AbortSignal): Promise<Readable> {
    return (await this.#send(path, {}, signal)).body;
  }

  /** See `KubeClient.exec`; on a connection of its own. */
  async exec(path: string, signal: AbortSignal | undefined): Promise<Ran> {
    return exec(this.#endpoint, await this.#endpoint.authorization?.(false, this.#clock.now()), path, signal);
  }

  /** Cuts every connection, for good: what is asked from now on fails. */
  close(): void {
    this.#reads.close();
    this.#writes.close();
  }

  async #send(path: string, options: RequestOptions, signal: AbortSignal): Promise<Response> {
    const credential = (fresh: boolean) => this.#endpoint.authorization?.(fresh, this.#clock.now());
    let response = await this.#once(path, options, signal, await credential(false));
    if (response.status === 401 && this.#endpoint.authorization) {
      response.body.resume();
      response = await this.#once(path, options, signal, await credential(true));
    }
    const { status, headers } = response;
    const body = headers['content-encoding'] === 'gzip' ? unzipped(response.body) : response.body;
    if (status >= 400) throw kubeError(status, await textOf(body), headers['retry-after']?.toString());
    return { status, headers, body };
  }

  #once(path: string, options: RequestOptions, signal: AbortSignal, authorization: string | undefined): Promise<Response> {
    const { method = 'GET', contentType = 'application/json', accept = 'application/json' } = options;
    const body = options.body === undefined || typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
    const headers = {
      accept,
      'user-agent': 'kosmos',
      ...(authorization ? { authorization } : {}),
      ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(body)) }),
      ...(method === 'GET' && !this.#near && !path.includes('watch=') ? { 'accept-encoding': 'gzip' } : {}),
    };
    const connection = method === 'GET' && !path.includes('/leases/') ? this.#reads : this.#writes;
    return connection.send({ method, path, headers, body, signal });
  }
}

function unzipped(body: Readable): Readable {
  const zip = createGunzip({ chunkSize: 2 ** 16 });
  body.on('error', (error) => zip.destroy(error));
  return body.pipe(zip);
}

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function kubeError(status: number, text: string, retryAfter: string | undefined): KubeError {
  let reason = '';
  let message = text.trim().slice(0, 300);
  let seconds = retryAfter === undefined ? undefined : Number(retryAfter);
  try {
    const body = JSON.parse(text) as { reason?: string; message?: string; details?: { retryAfterSeconds?: number } };
    reason = body.reason ?? '';
    message = body.message ?? message;
    seconds ??= body.details?.retryAfterSeconds;
  } catch {
    // a proxy's page, not a Status
  }
  return new KubeError(
    status,
    reason || STATUS_CODES[status] || 'Unknown',
    message,
    Number.isFinite(seconds) ? (seconds as number) * 1000 : undefined,
  );
}
