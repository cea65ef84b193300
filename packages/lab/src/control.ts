import { connect, createServer, type Server } from 'node:net';
import { KosmosError } from '@kosmos/kernel';
import { labError, messageOf } from './errors.ts';
import type { Cut } from './supervisor/cuts.ts';
import type { ProcessInfo } from './supervisor/processes.ts';
import type { NodeTopology, Topology } from './topology.ts';

export interface Status {
  readonly name: string;
  /** False until every step of `lab up` is done. */
  readonly ready: boolean;
  readonly topology: Topology;
  readonly processes: readonly ProcessInfo[];
  readonly cuts: readonly Cut[];
}

/** What the supervisor does on request: one JSON line asks, one answers, over the lab's socket. */
export interface Operations {
  status(request: Record<never, never>): Promise<Status>;
  stop(request: { readonly process: string }): Promise<void>;
  start(request: { readonly process: string }): Promise<void>;
  signal(request: { readonly process: string; readonly signal: NodeJS.Signals }): Promise<void>;
  addNode(request: { readonly cluster: string }): Promise<NodeTopology>;
  removeNode(request: { readonly cluster: string; readonly node: string }): Promise<void>;
  killNode(request: { readonly cluster: string; readonly node: string }): Promise<void>;
  startNode(request: { readonly cluster: string; readonly node: string }): Promise<void>;
  cut(request: Cut): Promise<void>;
  heal(request: { readonly between?: { readonly a: string; readonly b: string } }): Promise<void>;
  down(request: Record<never, never>): Promise<void>;
}
type Operation = keyof Operations;

const TIMEOUT_MS = 90_000;

/** Asks the supervisor; throws what it threw, and KOSMOS_E_LAB_ABSENT when it does not run. */
export function ask<O extends Operation>(socket: string, op: O, request: Parameters<Operations[O]>[0]): ReturnType<Operations[O]> {
  const answer = new Promise<unknown>((resolve, reject) => {
    let text = '';
    const connection = connect(socket, () => connection.write(`${JSON.stringify({ op, request })}\n`));
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    connection.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    connection.on('error', (cause) =>
      reject(
        labError('KOSMOS_E_LAB_ABSENT', `the lab's supervisor does not answer: ${cause.message}`, {
          where: socket,
          hint: 'kosmos lab down takes down what is left of it',
          cause,
        }),
      ),
    );
    connection.on('end', () => {
      if (text === '') return resolve(undefined); // it ended as it was asked to
      const { value, error } = JSON.parse(text) as {
        value?: unknown;
        error?: { code: string; message: string; where?: string; hint?: string };
      };
      if (error) reject(new KosmosError(error.code, error.message, error));
      else resolve(value);
    });
  });
  return answer as ReturnType<Operations[O]>;
}

/** Serves the operations on a unix socket. */
export function serve(socket: string, operations: Operations): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    let text = '';
    connection.setEncoding('utf8');
    connection.on('error', () => {}); // who asked is gone
    connection.on('data', (chunk: string) => {
      text += chunk;
      if (!text.includes('\n')) return;
      const { op, request } = JSON.parse(text) as { op: Operation; request: never };
      text = '';
      Promise.resolve()
        .then((): Promise<unknown> => operations[op](request))
        .then(
          (value) => connection.end(`${JSON.stringify({ value })}\n`),
          (error: unknown) => connection.end(`${JSON.stringify({ error: plain(error) })}\n`),
        );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => resolve(server));
  });
}

/** An error as JSON carries it between the lab's processes. */
export function plain(error: unknown): { code: string; message: string; where?: string; hint?: string } {
  if (!(error instanceof KosmosError)) return { code: 'KOSMOS_E_LAB_START', message: messageOf(error) };
  return {
    code: error.code,
    message: error.message,
    ...(error.where !== undefined && { where: error.where }),
    ...(error.hint !== undefined && { hint: error.hint }),
  };
}
