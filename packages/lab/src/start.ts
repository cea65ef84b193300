import { resolve } from 'node:path';
import { binariesOf } from './control-plane/binaries.ts';
import { kosmosCommand } from './kosmos-command.ts';
import { Lab } from './lab.ts';
import { checkName } from './state.ts';
import type { Topology } from './topology.ts';
import { up } from './up.ts';

export interface LabOptions {
  /** Default `kosmos`. */
  readonly name?: string;
  /** Default: what the lab was on its data, else two clusters of two nodes. */
  readonly topology?: Topology;
  /** A directory for what its clusters keep: a lab that is started on it again comes up as it was. */
  readonly data?: string;
  /** A `kosmos.config.ts`: joins every cluster, and runs the manager and the agents. */
  readonly config?: string;
  /** The `kosmos` command as an argument vector; default: the one found from the config's folder. */
  readonly kosmos?: readonly string[];
  /** A step is done: what and how long it took. */
  readonly onStep?: (step: string, ms: number) => void;
  /** Ends the start; nothing is left. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_NAME = 'kosmos';

/** Starts a lab; resolves when its nodes are Ready. It runs on after this process ends, until `down`. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const name = checkName(options.name ?? DEFAULT_NAME);
  binariesOf(process.env); // said before anything is started
  const config = options.config === undefined ? undefined : resolve(options.config);
  const kosmos = config === undefined ? undefined : { config, command: options.kosmos ?? kosmosCommand(config) };
  const data = options.data === undefined ? undefined : resolve(options.data);
  await up({ name, topology: options.topology, data, kosmos, onStep: options.onStep, signal: options.signal });
  return new Lab(name);
}
