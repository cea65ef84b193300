import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError, badRequest } from '../http/errors.ts';
import type { Call } from '../http/request.ts';
import type { JsonObject } from '../schema/schema.ts';

const CONNECT_MS = 10_000;

/** With what the API server comes to a node: the CA of the node's certificate, and its own certificate. */
export interface KubeletCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export type StreamKind = 'log' | 'exec' | 'attach' | 'portforward';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const PATHS: Record<StreamKind, string> = { log: 'containerLogs', exec: 'exec', attach: 'attach', portforward: 'portForward' };
const QUERIES: Record<StreamKind, readonly (readonly [from: string, to: string])[]> = {
  log: ['follow', 'previous', 'timestamps', 'tailLines', 'limitBytes', 'sinceSeconds', 'sinceTime'].map((n) => [n, n] as const),
  exec: [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
    ['command', 'command'],
  ],
  attach: [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ],
  portforward: [],
};

/** Where a node's kubelet is, by its Node object. */
export function endpointOf(node: JsonObject): Endpoint {
  const { addresses, daemonEndpoints }: JsonObject = node['status'] ?? {};
  const address = (addresses ?? []).find((a: JsonObject) => a['type'] === 'InternalIP')?.address;
  const port: unknown = daemonEndpoints?.kubeletEndpoint?.Port;
  if (!address || !port) {
    throw new ApiError(
      503,
      'ServiceUnavailable',
      `node "${node['metadata'].name}" serves no streams: its status has no ${address ? 'daemonEndpoints.kubeletEndpoint.Port' : 'InternalIP'}`,
    );
  }
  return { host: String(address), port: Number(port) };
}

/** The container that is asked for; a pod's only one needs no name. @throws 400 */
function containerOf(pod: JsonObject, wanted: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] }: JsonObject = pod['spec'];
  const name = pod['metadata'].name;
  const names = (list: JsonObject[]): string[] => list.map((c) => c['name'] as string);
  if (wanted) {
    if (names([...containers, ...initContainers, ...ephemeralContainers]).includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  if (containers.length === 1) return containers[0].name;
  const init = initContainers.length ? ` or one of the init containers: [${names(initContainers).join(' ')}]` : '';
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names(containers).join(' ')}]${init}`);
}

/** Passes a request for a pod's log, command or ports on to its node, and the answer back. The caller has been authorised. */
export async function relay(
  call: Call,
  kind: StreamKind,
  pod: JsonObject,
  node: () => JsonObject,
  credentials: () => KubeletCredentials,
): Promise<void> {
  const query = call.url.searchParams;
  const { namespace, name } = pod['metadata'];
  const container = kind === 'portforward' ? '' : containerOf(pod, query.get('container') ?? '');
  if (kind === 'exec' && !query.get('command')) throw badRequest('you must specify at least one command for the container');
  if (kind !== 'log' && !call.upgrade) throw badRequest('Upgrade request required');
  if (!pod['spec'].nodeName) {
    if (kind !== 'log') throw badRequest(`pod ${name} does not have a host assigned`);
    call.res.writeHead(200, { 'content-type': 'text/plain' });
    call.res.end();
    return;
  }
  const { host, port } = endpointOf(node());
  const path = ['', PATHS[kind], namespace, name, ...(container ? [container] : [])].map((s) => encodeURIComponent(s)).join('/');
  const asked = new URLSearchParams(
    QUERIES[kind].flatMap(([from, to]) => query.getAll(from).map((value): [string, string] => [to, value])),
  );
  const options: RequestOptions = { host, port, path: `${path}?${asked}`, agent: false, ...credentials() };
  return call.upgrade ? upgrade(call, call.upgrade, options) : text(call, options);
}

/** One exchange up to the node's answer. @throws 500 where the node cannot be reached, as kube-apiserver does */
function ask(options: RequestOptions, gone: Call['res']): Promise<{ res: IncomingMessage; socket?: Duplex; head?: Buffer }> {
  return new Promise((resolve, reject) => {
    const req = request(options);
    const fail = (error: Error): void =>
      reject(
        new ApiError(500, 'InternalError', `Internal error occurred: the kubelet at ${options.host}:${options.port}: ${error.message}`),
      );
    const timer = setTimeout(() => req.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
    req.once('socket', (socket) => socket.once('secureConnect', () => clearTimeout(timer)));
    req.once('close', () => clearTimeout(timer));
    req.on('error', fail);
    req.once('response', (res) => resolve({ res }));
    req.once('upgrade', (res, socket, head) => resolve({ res, socket, head }));
    gone.once('close', () => req.destroy());
    req.end();
  });
}

async function refusal(res: IncomingMessage, prefix = ''): Promise<ApiError> {
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  const status = res.statusCode ?? 500;
  const message = `${prefix}${Buffer.concat(chunks).toString().slice(0, 4096)}`;
  if (status === 400) return badRequest(message);
  if (status === 404) return new ApiError(404, 'NotFound', message);
  return new ApiError(500, 'InternalError', `Internal error occurred: ${message}`);
}

async function text(call: Call, options: RequestOptions): Promise<void> {
  const { res } = await ask(options, call.res);
  if (res.statusCode !== 200) throw await refusal(res);
  call.res.statusCode = 200;
  call.res.setHeader('content-type', 'text/plain');
  call.res.setHeader('cache-control', 'no-cache, private');
  res.on('error', () => call.res.destroy());
  res.pipe(call.res);
}

/** WebSocket's own handshake goes through as it is, and then the bytes: what is in them is between client and node. */
async function upgrade(call: Call, { socket, head, accept }: NonNullable<Call['upgrade']>, options: RequestOptions): Promise<void> {
  const headers: Record<string, string> = { connection: 'Upgrade', upgrade: 'websocket' };
  for (const name of ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol']) {
    const value = call.req.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  if (String(call.req.headers.upgrade).toLowerCase() !== 'websocket')
    throw badRequest('only WebSocket is served: SPDY/3.1 by itself is not');
  const answer = await ask({ ...options, headers }, call.res);
  if (!answer.socket) throw await refusal(answer.res, 'unable to upgrade connection: ');
  const node = answer.socket;
  accept();
  const lines = Object.entries(answer.res.headers).map(([name, value]) => `${name}: ${String(value)}`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
  if (answer.head?.length) socket.write(answer.head);
  if (head.length) node.write(head);
  const end = (): void => {
    socket.destroy();
    node.destroy();
  };
  for (const side of [socket, node]) side.on('error', end);
  socket.once('close', end);
  node.once('close', () => socket.end());
  socket.pipe(node);
  node.pipe(socket);
}
