import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { COMMAND_PROTOCOLS, type CommandRequest, serveCommand } from './command.ts';
import { SUMMARY_PATH } from './kubelet-client.ts';
import { PORT_FORWARD_PROTOCOL, servePortForward } from './port-forward.ts';
import { SPDY, SPDY_COMMAND, SPDY_PORT_FORWARD, spdyCommand, spdyPortForward } from './spdy-upgrade.ts';
import { type CommandIO, StreamError, type LogOptions, type NodeStreams, type StreamTarget } from './types.ts';

export interface StreamServerOptions {
  readonly host: string;
  /** Kubernetes' kubelets have 10250; 0 takes any. */
  readonly port: number;
  /** The node's serving certificate and its key, PEM. */
  readonly cert: string;
  readonly key: string;
  /** The CA of the API server's client certificate, PEM. */
  readonly ca: string;
  /** The only client that is let in: the common name of the API server's certificate. */
  readonly client: string;
  readonly streams: NodeStreams;
}

export interface StreamServer {
  readonly port: number;
  /** Ends every stream. */
  close(): Promise<void>;
}

interface Route {
  readonly what: 'containerLogs' | 'exec' | 'attach' | 'portForward';
  readonly target: StreamTarget;
  readonly query: URLSearchParams;
}

const PATH = /^\/(containerLogs|exec|attach|portForward)\/([^/]+)\/([^/]+)(?:\/([^/]+))?$/;

/** Serves a node's streams at the paths of Kubernetes' kubelet, to the cluster's API server and nobody else. */
export async function serveNodeStreams(o: StreamServerOptions): Promise<StreamServer> {
  const server = createServer({ cert: o.cert, key: o.key, ca: o.ca, requestCert: true, rejectUnauthorized: true });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered, req) => protocolOf(offered, req),
  });

  sockets.on('headers', (headers, req) => {
    if (req.url?.startsWith('/portForward/')) headers.push(`Sec-WebSocket-Protocol: ${PORT_FORWARD_PROTOCOL}`);
  });

  const authorize = (req: IncomingMessage): void => {
    const name = (req.socket as TLSSocket).getPeerCertificate().subject?.CN;
    if (name !== o.client) throw new StreamError(403, `Forbidden: only ${o.client} may ask, not ${String(name)}`);
  };

  const route = (req: IncomingMessage): Route => {
    authorize(req);
    const url = new URL(req.url ?? '/', 'https://node');
    const match = PATH.exec(url.pathname);
    const [what, namespace, pod, container = ''] = (match?.slice(1) ?? []).map((s) =>
      s === undefined ? undefined : decodeURIComponent(s),
    );
    if (!what || !namespace || !pod || (what === 'portForward') !== (container === ''))
      throw new StreamError(404, 'there is no such stream');
    const target = { namespace, pod, container };
    o.streams.check(target);
    return { what: what as Route['what'], target, query: url.searchParams };
  };

  server.on('request', (req, res) => {
    void (async () => {
      try {
        if (req.url === SUMMARY_PATH) {
          authorize(req);
          res.setHeader('content-type', 'application/json');
          res.end(JSON.stringify(o.streams.summary()));
          return;
        }
        const { what, target, query } = route(req);
        if (what !== 'containerLogs') throw new StreamError(400, 'Upgrade request required');
        const gone = new AbortController();
        res.once('close', () => gone.abort());
        res.setHeader('content-type', 'text/plain');
        await o.streams.logs(target, logOptions(query), res, gone.signal);
        res.end();
      } catch (error) {
        refuse(res, error);
      }
    })();
  });

  const commandOf = ({ what, target, query }: Route): ((io: CommandIO) => Promise<number>) => {
    if (what === 'exec') return (io) => o.streams.exec(target, query.getAll('command'), io);
    return (io) => o.streams.attach(target, io).then(() => 0);
  };

  const upgradeToSpdy = (found: Route, req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const offered = String(req.headers['x-stream-protocol-version'] ?? '').split(/\s*,\s*/);
    const served = found.what === 'portForward' ? SPDY_PORT_FORWARD : SPDY_COMMAND;
    if (!offered.includes(served)) throw new StreamError(403, `none of the protocols is served: ${offered.join(', ')}`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: ${served}\r\n\r\n`,
    );
    if (found.what === 'portForward') spdyPortForward(socket, head, o.streams.dial(found.target));
    else void spdyCommand(socket, head, requestOf(found.query), commandOf(found));
  };

  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    let found: Route;
    try {
      found = route(req);
      if (found.what === 'containerLogs') throw new StreamError(400, 'logs are no stream of frames');
      if (String(req.headers.upgrade).toLowerCase() === SPDY) {
        upgradeToSpdy(found, req, socket, head);
        return;
      }
      const offered = String(req.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
      if (protocolOf(new Set(offered), req) === false) throw new StreamError(400, `none of the protocols is served: ${offered.join(', ')}`);
    } catch (error) {
      refuseUpgrade(socket, error);
      return;
    }
    const { what, target } = found;
    // ws takes only names without a slash, which the one of port-forward has: it is agreed upon here.
    if (what === 'portForward') delete req.headers['sec-websocket-protocol'];
    sockets.handleUpgrade(req, socket, head, (ws) => {
      if (what === 'portForward') {
        servePortForward(ws, o.streams.dial(target));
        return;
      }
      void serveCommand(ws, requestOf(found.query), commandOf(found));
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port, o.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const ws of sockets.clients) ws.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function requestOf(query: URLSearchParams): CommandRequest {
  const wants = (name: string): boolean => ['1', 'true'].includes(query.get(name) ?? '');
  return { stdin: wants('input'), stdout: wants('output'), stderr: wants('error'), tty: wants('tty') };
}

function protocolOf(offered: Set<string>, req: IncomingMessage): string | false {
  const served: readonly string[] = req.url?.startsWith('/portForward/') ? [PORT_FORWARD_PROTOCOL] : COMMAND_PROTOCOLS;
  return served.find((p) => offered.has(p)) ?? false;
}

function logOptions(query: URLSearchParams): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    if (!/^\d{1,15}$/.test(text)) throw new StreamError(400, `${name} is no whole number: ${text}`);
    return Number(text);
  };
  const yes = (name: string): boolean => query.get(name) === 'true';
  const seconds = number('sinceSeconds');
  const time = query.get('sinceTime');
  const since = seconds !== undefined ? Date.now() - seconds * 1000 : time ? Date.parse(time) : undefined;
  if (Number.isNaN(since)) throw new StreamError(400, `sinceTime is no time: ${time}`);
  return {
    follow: yes('follow'),
    previous: yes('previous'),
    timestamps: yes('timestamps'),
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    since,
  };
}

const refusalOf = (error: unknown): { status: number; text: string } =>
  error instanceof StreamError ? { status: error.status, text: error.message } : { status: 500, text: (error as Error).message };

function refuse(res: ServerResponse, error: unknown): void {
  const { status, text } = refusalOf(error);
  if (res.headersSent) {
    // It was found too late for a status: what is to be said goes where the log would.
    res.end(`${text}\n`);
    return;
  }
  res.writeHead(status, { 'content-type': 'text/plain' });
  res.end(text);
}

function refuseUpgrade(socket: Duplex, error: unknown): void {
  const { status, text } = refusalOf(error);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
  );
}
