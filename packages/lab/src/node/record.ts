import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson, type ProcessId } from '../state.ts';
import type { ContainerRecord } from './status.ts';

/** What is written down of a container, beyond its status. */
export interface ContainerEntry extends ContainerRecord {
  /** Of its shim, while it runs. */
  process?: ProcessId;
  /** The mount namespace of what runs. */
  namespace?: string;
  /** The image of its last start. */
  image?: string;
  /** Milliseconds since 1970 of its last start and its last end. */
  startedAt?: number;
  endedAt?: number;
  /** Starts in a row that its back-off counts. */
  inRow: number;
  readonly log: string;
  /** Offsets in the log at which its last run began, and the one before. */
  logFrom?: number;
  previousFrom?: number;
}

/** What is written down of a pod that runs on a node, so that a kubelet that starts again, and `lab exec`, find it. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The node's own for a pod on the host network. */
  readonly netns: string;
  readonly ip: string;
  readonly hostNetwork: boolean;
  /** It has come to its end; its network is taken away. */
  over?: boolean;
  readonly containers: readonly ContainerEntry[];
}

const fileOf = (dir: string, uid: string) => join(dir, `${uid.replaceAll(/[^\w-]/g, '_')}.json`);

export function saveRecord(dir: string, record: PodRecord): void {
  mkdirSync(dir, { recursive: true });
  writeJson(fileOf(dir, record.uid), record);
}

export function dropRecord(dir: string, uid: string): void {
  rmSync(fileOf(dir, uid), { force: true });
}

export function readRecords(dir: string): PodRecord[] {
  try {
    return readdirSync(dir)
      .filter((file) => file.endsWith('.json'))
      .flatMap((file) => readJson<PodRecord>(join(dir, file)) ?? []);
  } catch {
    return []; // no pod ran here yet
  }
}
