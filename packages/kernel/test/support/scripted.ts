/** A server of one kind that answers lists and watches as a test says: for what no real server can be made to do. */
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly query: URLSearchParams;
  readonly watch: boolean;
  readonly streamed: boolean;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly response: ServerResponse;
  /** One line of a watch. */
  event(type: string, object: object): void;
  list(resourceVersion: string, items?: readonly object[], more?: string): void;
  refuse(code: number, reason: string, message?: string, headers?: Record<string, string>): void;
}

export interface Scripted {
  readonly kubeconfig: string;
  readonly asked: Asked[];
  close(): Promise<void>;
}

export const configMap = (name: string, version: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: version },
  ...more,
});
export const bookmark = (version: string, end = false) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { resourceVersion: version, ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) },
});

export async function scripted(answer: (asked: Asked, all: readonly Asked[]) => void): Promise<Scripted> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    const json = (code: number, body: object, headers: Record<string, string> = {}) =>
      response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const one: Asked = {
      query,
      watch: query.get('watch') === 'true',
      streamed: query.get('sendInitialEvents') === 'true',
      headers: request.headers,
      response,
      event: (type, object) => {
        if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
        response.write(`${JSON.stringify({ type, object })}\n`);
      },
      list: (resourceVersion, items = [], more = '') =>
        json(200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion, ...(more ? { continue: more } : {}) }, items }),
      refuse: (code, reason, message = '', headers = {}) => json(code, { kind: 'Status', code, reason, message }, headers),
    };
    asked.push(one);
    answer(one, asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    kubeconfig: JSON.stringify({
      'current-context': 'x',
      clusters: [{ name: 'c', cluster: { server: url } }],
      contexts: [{ name: 'x', context: { cluster: 'c' } }],
      users: [],
    }),
    asked,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
