import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, Container, HttpGet } from '../../kube.ts';

/** Where an action of a container happens. */
export interface ActionPlace {
  readonly container: Container;
  /** Of the pod; asked from the node. */
  readonly ip: string;
  /** Runs a command in the container; what it printed, cut. Rejects when the time is over. */
  run(command: readonly string[], timeoutMs: number): Promise<{ readonly code: number; readonly output: string }>;
}

export interface Outcome {
  readonly ok: boolean;
  /** What is to be said of a failure. */
  readonly message: string;
}

/** Does what a probe or a hook of a container says. Never rejects. */
export async function act(action: Action, place: ActionPlace, timeoutMs: number): Promise<Outcome> {
  try {
    if (action.exec) {
      const { code, output } = await place.run(action.exec.command ?? [], timeoutMs);
      return { ok: code === 0, message: output.trim() || `command exited with ${code}` };
    }
    if (action.httpGet) return await get(action.httpGet, place, timeoutMs);
    if (action.tcpSocket) {
      await dial(action.tcpSocket.host ?? place.ip, portOf(action.tcpSocket.port, place.container), timeoutMs);
      return { ok: true, message: '' };
    }
    if (action.sleep) {
      await sleep(Math.min(action.sleep.seconds * 1000, timeoutMs));
      return { ok: true, message: '' };
    }
    return { ok: false, message: `the lab has no ${Object.keys(action)[0] ?? 'such'} action: exec, httpGet, tcpSocket and sleep are` };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

/** A port by its number or by its name in the container. */
export function portOf(port: number | string, container: Container): number {
  const found = container.ports?.find((p) => p.name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(found)) throw new Error(`couldn't find port: ${port}`);
  return found;
}

/** A connection that is closed again as soon as it is there. */
export function dial(host: string, port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = `dial tcp ${isIPv6(host) ? `[${host}]` : host}:${port}`;
    const socket = connect({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), timeoutMs);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`${where}: ${error.code === 'ECONNREFUSED' ? 'connect: connection refused' : error.message}`)),
    );
    socket.once('close', () => clearTimeout(timer));
  });
}

function get(http: HttpGet, { container, ip }: ActionPlace, timeoutMs: number): Promise<Outcome> {
  const { path = '/', host = ip, scheme = 'HTTP', httpHeaders = [] } = http;
  const port = portOf(http.port, container);
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.34', accept: '*/*' };
  for (const { name, value } of httpHeaders) headers[name.toLowerCase()] = value;
  const url = `${scheme.toLowerCase()}://${isIPv6(host) ? `[${host}]` : host}:${port}${path.startsWith('/') ? '' : '/'}${path}`;
  return new Promise((resolve) => {
    const fail = (message: string) => resolve({ ok: false, message: `Get "${url}": ${message}` });
    // As kubelets do: a probe asks whether it answers, not who it is.
    const request =
      scheme === 'HTTPS'
        ? httpsRequest(url, { headers, agent: false, rejectUnauthorized: false })
        : httpRequest(url, { headers, agent: false });
    const timer = setTimeout(() => {
      fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
      request.destroy();
    }, timeoutMs);
    request.once('response', (response) => {
      const { statusCode = 0 } = response;
      resolve({ ok: statusCode >= 200 && statusCode < 400, message: `HTTP probe failed with statuscode: ${statusCode}` });
      request.destroy();
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ECONNREFUSED' ? `dial tcp ${host}:${port}: connect: connection refused` : error.message),
    );
    request.once('close', () => clearTimeout(timer));
    request.end();
  });
}
