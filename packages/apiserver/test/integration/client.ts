import { Agent, request } from 'node:https';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../../src/index.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  bytes: Buffer;
  body: any;
}

/** A plain client of one server: what tests say to it over the wire. */
export class Client {
  readonly server: ApiServer;
  readonly #agent: Agent;
  readonly #token: string;

  constructor(server: ApiServer, token = server.issueToken('admin', ['system:masters'])) {
    this.server = server;
    this.#agent = new Agent({ ca: server.ca, keepAlive: true });
    this.#token = token;
  }

  static async start(options: ApiServerOptions = {}): Promise<Client> {
    return new Client(await startApiServer(options));
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const raw = body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const req = request(
        new URL(path, this.server.url),
        {
          method,
          agent: this.#agent,
          headers: {
            ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
            ...(raw === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(raw) }),
            ...headers,
          },
        },
        (res) => {
          const chunks: Buffer[] = [];
          res
            .on('data', (c: Buffer) => chunks.push(c))
            .on('end', () => {
              const bytes = Buffer.concat(chunks);
              const text = bytes.toString();
              let parsed: unknown;
              try {
                parsed = JSON.parse(text);
              } catch {
                parsed = undefined;
              }
              resolve({ status: res.statusCode!, headers: res.headers, text, bytes, body: parsed });
            })
            .on('error', reject);
        },
      );
      req.on('error', reject);
      req.end(raw);
    });
  }

  /** Reads a watch until it has so many lines, ends, or the time is over. */
  watch(
    path: string,
    { lines = Infinity, ms = 3000 }: { lines?: number; ms?: number } = {},
    onOpen?: () => unknown,
  ): Promise<{ status: number; lines: string[]; ended: boolean; text: string }> {
    return new Promise((resolve, reject) => {
      const found: string[] = [];
      let text = '';
      let all = '';
      const req = request(
        new URL(path, this.server.url),
        { agent: false, ca: this.server.ca, headers: { authorization: `Bearer ${this.#token}` } },
        (res) => {
          const finish = (ended: boolean): void => {
            clearTimeout(timer);
            req.destroy();
            resolve({ status: res.statusCode!, lines: found, ended, text: all });
          };
          const timer = setTimeout(() => finish(false), ms);
          res.setEncoding('utf8');
          res
            .on('data', (chunk: string) => {
              text += chunk;
              all += chunk;
              for (let i; (i = text.indexOf('\n')) >= 0; text = text.slice(i + 1)) found.push(text.slice(0, i));
              if (found.length >= lines) finish(false);
            })
            .on('end', () => finish(true))
            .on('error', () => finish(true));
          void onOpen?.();
        },
      );
      req.on('error', (e) => {
        if (!req.destroyed) reject(e);
      });
      req.end();
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.server.stop();
  }
}

export const configMap = (
  name: string,
  data: Record<string, unknown> = { a: '1' },
  metadata: Record<string, unknown> = {},
): Record<string, unknown> => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data });

export const MAPS = '/api/v1/namespaces/default/configmaps';

/** The status of an answer, and what it was refused for. */
export const causes = ({ status, body }: Answer): string[] => [
  String(status),
  ...(body?.details?.causes ?? []).map((c: { reason: string; field: string }) => `${c.reason} ${c.field}`),
];
