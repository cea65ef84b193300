import type { Container, Pod } from '../src/kube.ts';
import type { ContainerRecord } from '../src/node/status.ts';

/** A pod with one container `c`, unless `spec` says otherwise. */
export const podOf = (spec: object = {}, more: { readonly metadata?: object; readonly status?: object } = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1', generation: 3, ...more.metadata },
  spec: { containers: [{ name: 'c', image: 'lab/echo' }], ...spec },
  status: more.status ?? {},
});

export const containerNamed = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'x', command: ['x'], ...more });

/** What is known of a container that was not started yet, unless `more` says otherwise. */
export const recordOf = (name: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  name,
  state: { waiting: { reason: 'ContainerCreating' } },
  lastState: {},
  ready: false,
  started: false,
  restarts: 0,
  began: false,
  ...more,
});

export const running = { state: { running: { startedAt: '2026-01-01T00:00:00Z' } }, began: true } as const;
export const ended = (exitCode: number) => ({ state: { terminated: { exitCode, reason: 'x' } }, began: true }) as const;
