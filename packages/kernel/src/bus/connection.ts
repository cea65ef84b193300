/** Connections to one API server: HTTP/2, as client-go has it, or HTTP/1.1 where the server speaks no other. */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls from 'node:tls';
import type { Clock } from '../contracts/services.ts';
import type { Endpoint } from '../clusters/kubeconfig.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** As client-go: a connection is asked every 30 s, and is dead without an answer within 15 s. */
const PING_AFTER_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
/**
 * So much of an answer may be under way, and is read before its reader asks for it. All of it may come in one turn of the event loop: with a
 * megabyte, to decrypt and hand it on takes 6 ms. With less, the server waits for each round trip: the default of 64 KiB lets 1.3 MB/s come
 * from 50 ms away, and a list from this machine takes half as long again with 128 KiB as with this.
 */
const WINDOW_BYTES = 2 ** 18;
/** So much more waits for its reader, so that a list goes on while the server waits for its turn of a busy machine: a quarter less time. */
const AHEAD_BYTES = 2 ** 20;
/** Before the server has said how many streams it takes. */
const STREAMS = 100;

export interface Request {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}
export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

const dead = (message: string, code: string) => Object.assign(new Error(message), { code });

/** One HTTP/2 connection, and how many requests it carries. */
interface Session {
  readonly session: http2.ClientHttp2Session;
  streams: number;
  /** The server takes no more requests on it; those that there are go on. */
  leaving: boolean;
}

export class Connection {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #sessions = new Set<Session>();
  #connecting: Promise<Session | undefined> | undefined;
  /** Set where the server does not speak HTTP/2. */
  #agent: http.Agent | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#url = new URL(endpoint.server);
    if (this.#url.protocol === 'http:') this.#agent = new http.Agent({ keepAlive: true, keepAliveMsecs: PING_AFTER_MS });
  }

  /** Once more where a kept connection turned out to be closed: nothing of the request was looked at. */
  async send(request: Request): Promise<Response> {
    const kept = this.#sessions.size > 0;
    try {
      return await this.#once(request);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      const stale = kept && /^(ERR_HTTP2_|ECONNRESET|EPIPE)/.test(code) && request.method !== 'POST';
      if (!stale || request.signal.aborted || this.#closed) throw error;
      return this.#once(request);
    }
  }

  /** Cuts every connection, for good. */
  close(): void {
    this.#closed = true;
    this.#agent?.destroy();
    for (const { session } of this.#sessions) session.destroy(dead('the client was closed', 'ECONNRESET'));
  }

  async #once(request: Request): Promise<Response> {
    request.signal.throwIfAborted();
    if (this.#closed) throw dead('the client was closed', 'ECONNRESET');
    const free = [...this.#sessions].find(
      (s) => !s.leaving && !s.session.destroyed && s.streams < (s.session.remoteSettings?.maxConcurrentStreams ?? STREAMS),
    );
    const session = free ?? (this.#agent ? undefined : await this.#connected(request.signal));
    return session ? this.#overHttp2(session, request) : this.#overHttp1(request);
  }

  /** One attempt for all who wait for it; each waits only as long as its own signal says. */
  #connected(signal: AbortSignal): Promise<Session | undefined> {
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    const attempt = this.#connecting;
    return new Promise((resolve, reject) => {
      const aborted = () => reject(signal.reason as Error);
      signal.addEventListener('abort', aborted, { once: true });
      attempt.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
    });
  }

  async #connect(): Promise<Session | undefined> {
    const { hostname, port } = this.#url;
    const host = hostname.replace(/^\[|\]$/g, '');
    // To read certificates, and to connect for the first time, takes some ms each: a turn each.
    const secureContext = tls.createSecureContext(this.#endpoint.tls);
    await nextTurn();
    const socket = tls.connect({ host, port: Number(port || 443), ALPNProtocols: ['h2', 'http/1.1'], ...this.#tls(host), secureContext });
    await new Promise<void>((resolve, reject) => {
      const cancel = this.#clock.after(CONNECT_TIMEOUT_MS, () => socket.destroy(dead('no connection in time', 'ETIMEDOUT')));
      socket.once('secureConnect', resolve).once('error', reject);
      socket.once('close', () => {
        cancel();
        reject(dead('the connection was cut', 'ECONNRESET'));
      });
      socket.once('secureConnect', cancel);
    });
    socket.setNoDelay(true);
    if (socket.alpnProtocol === 'h2') return this.#session(socket);
    socket.destroy();
    this.#agent = new https.Agent({ keepAlive: true, keepAliveMsecs: PING_AFTER_MS, ...this.#tls(host) });
    return undefined;
  }

  #tls(host: string): tls.ConnectionOptions {
    // An address is no name to ask for.
    const servername = this.#endpoint.tls.servername ?? (/^[\d.]+$|:/.test(host) ? '' : host);
    return { ...this.#endpoint.tls, servername };
  }

  #session(socket: tls.TLSSocket): Session {
    const session = http2.connect(this.#url, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const made: Session = { session, streams: 0, leaving: false };
    const forget = () => this.#sessions.delete(made);
    session.on('connect', () => session.destroyed || session.setLocalWindowSize(4 * WINDOW_BYTES));
    session
      .on('error', forget)
      .on('close', forget)
      .on('goaway', () => (made.leaving = true));
    this.#sessions.add(made);
    if (this.#closed) session.destroy(dead('the client was closed', 'ECONNRESET'));
    this.#watchOver(made);
    return made;
  }

  /** A server that is cut off says nothing: only asking tells. */
  #watchOver({ session }: Session): void {
    let cancel = () => {};
    const ask = () => {
      if (session.destroyed) return;
      cancel = this.#clock.after(PING_TIMEOUT_MS, () => session.destroy(dead('no answer to a ping', 'ETIMEDOUT')));
      session.ping((error) => {
        cancel();
        if (!error) cancel = this.#clock.after(PING_AFTER_MS, ask);
      });
    };
    cancel = this.#clock.after(PING_AFTER_MS, ask);
    session.once('close', () => cancel());
  }

  #overHttp2(at: Session, { method, path, headers, body, signal }: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      const stream = at.session.request(
        { ':method': method, ':path': this.#prefix() + path, ...headers },
        { endStream: body === undefined, signal },
      );
      at.streams += 1;
      let answered = false;
      stream.once('close', () => {
        at.streams -= 1;
        // A stream that the server resets before it answers has no error of its own.
        reject(dead('the connection was cut', 'ECONNRESET'));
      });
      stream.on('error', (error) => {
        if (!answered) reject(error);
      });
      stream.once('response', (received) => {
        answered = true;
        const { ':status': status = 0, ...rest } = received;
        // It must be read from now on: a short answer of kube-apiserver comes with its end and a reset, and iterating over the stream
        // itself (Node 24) would then find it closed before its end, now and then.
        const flowing = new PassThrough({ highWaterMark: AHEAD_BYTES });
        pipeline(stream, flowing, () => {}); // who reads it hears of errors
        resolve({ status, headers: rest as Response['headers'], body: flowing });
      });
      if (body !== undefined) stream.end(body);
    });
  }

  #overHttp1({ method, path, headers, body, signal }: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { request } = this.#url.protocol === 'https:' ? https : http;
      const sent = request(new URL(this.#endpoint.server + path), { method, headers, signal, agent: this.#agent });
      const cancel = this.#clock.after(CONNECT_TIMEOUT_MS, () => sent.destroy(dead('no connection in time', 'ETIMEDOUT')));
      sent.once('socket', (socket) => {
        socket.setKeepAlive(true, PING_AFTER_MS);
        if (socket.connecting) socket.once(this.#url.protocol === 'https:' ? 'secureConnect' : 'connect', cancel);
        else cancel();
      });
      sent.once('close', cancel).on('error', reject);
      sent.once('response', (received) => resolve({ status: received.statusCode ?? 0, headers: received.headers, body: received }));
      sent.end(body);
    });
  }

  /** A server may be served below a path. */
  #prefix(): string {
    return this.#url.pathname === '/' ? '' : this.#url.pathname;
  }
}
