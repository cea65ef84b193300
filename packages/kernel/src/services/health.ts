/** Why this process is not ready, and that over HTTP: /healthz, /readyz, /metrics. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Health } from '../contracts/services.ts';
import { fail, messageOf } from '../host/errors.ts';
import type { MetricsRegistry } from './metrics.ts';

export class HealthBoard implements Health {
  readonly #conditions = new Map<string, () => string | undefined>();
  /** Optional plugins that failed: name and why. The process is ready without them. */
  readonly degraded = new Map<string, string>();

  ready(name: string, reason: () => string | undefined): void {
    this.#conditions.set(name, reason);
  }

  /** Every reason for not being ready, as `name: reason`. */
  reasons(): readonly string[] {
    return [...this.#conditions].flatMap(([name, reason]) => {
      const why = safely(reason);
      return why === undefined ? [] : [`${name}: ${why}`];
    });
  }
}

function safely(reason: () => string | undefined): string | undefined {
  try {
    return reason();
  } catch (error) {
    return `its check failed: ${messageOf(error)}`;
  }
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; a port that is taken is a KosmosError. */
export async function serveHealth(
  http: { readonly host?: string; readonly port: number },
  board: HealthBoard,
  metrics: MetricsRegistry,
): Promise<HttpServer> {
  const host = http.host ?? '127.0.0.1';
  const server = createServer((request, response) => {
    const answer = (status: number, lines: readonly string[], contentType = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': contentType, connection: 'close' }).end(`${lines.join('\n')}\n`);
    };
    const path = request.url?.split('?')[0];
    const degraded = [...board.degraded].map(([plugin, why]) => `degraded: plugin ${plugin}: ${why}`);
    if (path === '/healthz') answer(200, ['ok']);
    else if (path === '/readyz') {
      const reasons = board.reasons();
      answer(reasons.length === 0 ? 200 : 503, [...(reasons.length === 0 ? ['ok'] : reasons), ...degraded]);
    } else if (path === '/metrics') {
      metrics.text().then(
        ({ contentType, body }) => answer(200, [body.trimEnd()], contentType),
        (error: unknown) => answer(500, [messageOf(error)]),
      );
    } else answer(404, ['not found: there are /healthz, /readyz and /metrics']);
  });
  const listening = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => listening.reject(listenError(error, host, http.port)));
  server.listen(http.port, host, () => listening.resolve());
  await listening.promise;
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = 'config, http.port';
  if (error.code === 'EADDRINUSE') return fail('KOSMOS_E_PORT_IN_USE', `port ${port} on ${host} is in use`, { where, cause: error });
  return fail('KOSMOS_E_HTTP', `cannot listen on ${host}, port ${port}: ${error.message}`, { where, cause: error });
}
