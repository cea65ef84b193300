/** What a process says of itself over HTTP: /healthz, /readyz, /metrics, /status; and on a socket of its own, to whom it obeys. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { fail, messageOf } from '../host/errors.ts';
import type { HealthBoard } from './health.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import type { MetricsRegistry } from './metrics.ts';

export interface Served {
  readonly board: HealthBoard;
  readonly metrics: MetricsRegistry;
  /** Told as JSON. */
  status(): object;
  /** Undefined where the log is not the kernel's own. */
  readonly log: { level: LogLevel } | undefined;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; a port that is taken is a KosmosError. */
export async function serveHealth(http: { readonly host?: string; readonly port: number }, served: Served): Promise<HttpServer> {
  const host = http.host ?? '127.0.0.1';
  const { server, close } = listener(served, false);
  const listening = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => listening.reject(listenError(error, host, http.port)));
  server.listen(http.port, host, () => listening.resolve());
  await listening.promise;
  return { host, port: (server.address() as AddressInfo).port, close };
}

/** Listens on a socket that only this user may use; there the level of the log may be changed as well: PUT /log-level. */
export async function serveControl(path: string, served: Served): Promise<{ close(): Promise<void> }> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const { server, close } = listener(served, true);
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(path, () => listening.resolve());
  await listening.promise;
  chmodSync(path, 0o600);
  server.unref();
  return { close };
}

function listener(served: Served, control: boolean) {
  const server = createServer((request, response) => {
    answer(served, control, request, response).catch((error: unknown) => reply(response, 500, messageOf(error)));
  });
  const close = async () => {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    server.closeAllConnections();
    await closed.promise;
  };
  return { server, close };
}

async function answer(served: Served, control: boolean, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { board, metrics, log } = served;
  const path = request.url?.split('?')[0];
  if (path === '/healthz') return reply(response, 200, 'ok');
  if (path === '/readyz') {
    const reasons = board.reasons();
    const degraded = [...board.degraded].map(([plugin, why]) => `degraded: plugin ${plugin}: ${why}`);
    return reply(response, reasons.length === 0 ? 200 : 503, [...(reasons.length === 0 ? ['ok'] : reasons), ...degraded].join('\n'));
  }
  if (path === '/metrics') {
    const { contentType, body } = await metrics.text();
    return reply(response, 200, body.trimEnd(), contentType);
  }
  if (path === '/status') return reply(response, 200, JSON.stringify(served.status()), 'application/json');
  if (control && log && path === '/log-level') {
    if (request.method === 'PUT') {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const level = LOG_LEVELS.find((known) => known === text.trim());
      if (!level) return reply(response, 400, `there is no level '${text.trim().slice(0, 20)}'; there are: ${LOG_LEVELS.join(', ')}`);
      log.level = level;
    }
    return reply(response, 200, log.level);
  }
  reply(response, 404, 'not found: there are /healthz, /readyz, /metrics and /status');
}

function reply(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, connection: 'close' }).end(`${text}\n`);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = 'config, http.port';
  if (error.code === 'EADDRINUSE') return fail('KOSMOS_E_PORT_IN_USE', `port ${port} on ${host} is in use`, { where, cause: error });
  return fail('KOSMOS_E_HTTP', `cannot listen on ${host}, port ${port}: ${error.message}`, { where, cause: error });
}
