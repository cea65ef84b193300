/** HTTP to one API server. Reads, and writes with leases, have connections of their own: a large first list holds up neither. */
import http from 'node:http';
import https from 'node:https';
import { createGunzip, gunzipSync } from 'node:zlib';
import type { Readable } from 'node:stream';
import { KubeError } from '../contracts/services.ts';
import type { Endpoint } from './kubeconfig.ts';

/** Of a request that is not a watch; a server under load may be slow, a dead one must not hold a reconcile for ever. */
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * TCP keepalive starts after this silence; libuv then probes every second, ten times, so a dead connection is noticed
 * within 45 s even where the server sends nothing.
 */
const KEEPALIVE_MS = 30_000;
/** More writes than this at once would only queue up in the server. */
const WRITE_SOCKETS = 8;

export interface RequestOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export class Transport {
  readonly server: string;
  readonly #endpoint: Endpoint;
  readonly #reads: http.Agent;
  readonly #writes: http.Agent;
  #closed = false;

  constructor(endpoint: Endpoint) {
    this.server = endpoint.server;
    this.#endpoint = endpoint;
    const make = (maxSockets: number) => {
      const options = { keepAlive: true, keepAliveMsecs: KEEPALIVE_MS, maxSockets, scheduling: 'lifo' as const };
      return endpoint.server.startsWith('https:') ? new https.Agent({ ...options, ...endpoint.tls }) : new http.Agent(options);
    };
    this.#reads = make(Number.POSITIVE_INFINITY);
    this.#writes = make(WRITE_SOCKETS);
  }

  /** The parsed answer; a status >= 400 throws a KubeError. */
  async request(path: string, options: RequestOptions = {}): Promise<unknown> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? REQUEST_TIMEOUT_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const response = await this.#send(path, options, signal);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
    const status = response.statusCode ?? 0;
    if (status >= 400) throw kubeError(status, text, response.headers['retry-after']);
    return response.headers['content-type']?.includes('json') ? JSON.parse(text) : text;
  }

  /** A body to read as it comes, e.g. of a watch; aborted by `signal` alone once the headers are there. */
  async stream(path: string, signal: AbortSignal): Promise<Readable> {
    const response = await this.#send(path, {}, signal);
    const status = response.statusCode ?? 0;
    if (status >= 400) {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      throw kubeError(status, text, response.headers['retry-after']);
    }
    return response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response;
  }

  /** Cuts every connection, for good: what is asked from now on fails. */
  close(): void {
    this.#closed = true;
    this.#reads.destroy();
    this.#writes.destroy();
  }

  async #send(path: string, options: RequestOptions, signal: AbortSignal): Promise<http.IncomingMessage> {
    const response = await this.#once(path, options, signal, await this.#endpoint.authorization?.(false));
    if (response.statusCode !== 401 || !this.#endpoint.authorization) return response;
    response.resume();
    return this.#once(path, options, signal, await this.#endpoint.authorization(true));
  }

  #once(path: string, options: RequestOptions, signal: AbortSignal, authorization: string | undefined): Promise<http.IncomingMessage> {
    const { method = 'GET', body, contentType = 'application/json', accept = 'application/json' } = options;
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const url = new URL(this.server + path);
    const headers = {
      accept,
      'user-agent': 'kosmos',
      ...(authorization ? { authorization } : {}),
      ...(payload === undefined ? {} : { 'content-type': contentType, 'content-length': String(Buffer.byteLength(payload)) }),
      ...(method === 'GET' && !path.includes('watch=') ? { 'accept-encoding': 'gzip' } : {}),
    };
    const { request } = url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#closed) throw Object.assign(new Error('the client was closed'), { code: 'ECONNRESET' });
      const sent = request(url, {
        method,
        headers,
        signal,
        agent: method === 'GET' && !path.includes('/leases/') ? this.#reads : this.#writes,
      });
      let answered = false;
      sent.on('response', (response) => {
        answered = true;
        resolve(response);
      });
      const slow = setTimeout(
        () => sent.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })),
        CONNECT_TIMEOUT_MS,
      );
      sent.on('socket', (socket) => {
        socket.setKeepAlive(true, KEEPALIVE_MS);
        const connected = () => clearTimeout(slow);
        if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
        else connected();
      });
      sent.once('close', () => clearTimeout(slow));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // A kept connection that the server closed just now: nothing of this request was looked at.
        const stale =
          !answered && sent.reusedSocket && error.code === 'ECONNRESET' && method !== 'POST' && !signal.aborted && !this.#closed;
        if (stale) resolve(this.#once(path, options, signal, authorization));
        else reject(error);
      });
      sent.end(payload);
    });
  }
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
    reason || http.STATUS_CODES[status] || 'Unknown',
    message,
    Number.isFinite(seconds) ? (seconds as number) * 1000 : undefined,
  );
}
