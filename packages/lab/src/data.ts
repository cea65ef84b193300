import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { labError, messageOf } from './errors.ts';
import { dataPaths, livingProcess, paths, readJson, type LabRecord } from './state.ts';
import type { Topology } from './topology.ts';

/**
 * What a lab was when it ran on this data before: it comes up as it was. `wanted` is what its user asks for now, if
 * anything. Undefined for data of no lab yet.
 */
export function resume(data: string, wanted: Topology | undefined): LabRecord | undefined {
  const at = dataPaths(data);
  if (livingProcess(at.init)) {
    throw labError('KOSMOS_E_LAB_RUNNING', `a lab runs on the data in ${data}`, {
      where: data,
      hint: 'kosmos lab status shows which; give the new one another directory',
    });
  }
  const record = readJson<LabRecord>(at.record);
  if (record && wanted && !isDeepStrictEqual(withoutPorts(record.topology), withoutPorts(wanted))) {
    throw labError('KOSMOS_E_LAB_DATA', `the data in ${data} are of a lab of another topology`, {
      where: data,
      hint: 'leave out --file, --clusters and --nodes to have that lab again, or name another directory',
    });
  }
  return record;
}

/** Ports that were not named have been picked. */
const withoutPorts = (topology: Topology) => ({ ...topology, clusters: topology.clusters.map((c) => ({ ...c, port: 0 })) });

/** Puts what each cluster keeps into `data`: its folder in the lab's directory is a link. */
export function keepIn(dir: string, data: string, topology: Topology): void {
  try {
    for (const { name } of topology.clusters) {
      mkdirSync(join(data, name), { recursive: true, mode: 0o700 });
      symlinkSync(join(data, name), join(dir, name));
    }
    // The first process of the lab notes itself there.
    rmSync(dataPaths(data).init, { force: true });
    symlinkSync(paths(dir).init, dataPaths(data).init);
  } catch (cause) {
    throw labError('KOSMOS_E_LAB_DATA', `the data of the lab cannot be kept in ${data}: ${messageOf(cause)}`, { where: data, cause });
  }
}
