import { KosmosError } from '@kosmos/kernel';
import type { ObjectConditions } from '../plan/conditions.ts';
import type { Arp, Device, Fdb, Nat, Route } from '../plan/types.ts';

/** One line for each kind of item of a plan. */
export const lineOf = {
  devices: (d: Device): string =>
    `device  ${d.name}  ${d.addr}  mac ${d.mac}  vni ${d.id}  port ${d.port}  on ${d.bindDev}${d.mtu ? `  mtu ${d.mtu}` : ''}`,
  routes: (r: Route): string =>
    `route   ${r.cidr}  via ${[r.gw, ...(r.alternates ?? [])].join(', ')}${r.active ? ` (${r.active} of them)` : ''}  dev ${r.dev}`,
  fdbs: (f: Fdb): string => `fdb     ${f.mac}  to ${f.ip}  dev ${f.dev}`,
  arps: (a: Arp): string => `peer    ${a.ip}  mac ${a.mac}  dev ${a.dev}`,
  nat: (n: Nat): string => `nat     ${n.stage}  ${subject(n)}  dev ${n.dev}`,
} as const;

function subject(n: Nat): string {
  if ('real' in n) return `${n.real} as ${n.seen}`;
  return 'cidr' in n ? n.cidr : `${n.cidrs?.join(', ') ?? 'any'}${n.except.length > 0 ? ` but ${n.except.join(', ')}` : ''}`;
}

export function conditionLines(conditions: readonly ObjectConditions[]): string[] {
  return conditions.flatMap(({ kind, name, conditions: found }) =>
    found.map((c) => `${kind} ${name}  ${c.type} (${c.reason}): ${c.message}`),
  );
}

/** In a cluster the rest of the fleet goes on; in a file it is a mistake to mend before anything is applied. */
export function malformed(file: string, conditions: readonly ObjectConditions[]): KosmosError[] {
  return conditions.flatMap(({ kind, name, conditions: found }) =>
    found
      .filter((c) => c.type === 'Malformed')
      .map(
        (c) =>
          new KosmosError('KOSMOS_E_OBJECT_INVALID', `${file === '-' ? 'stdin' : file}: ${kind} '${name}': ${c.message}`, {
            where: file,
            hint: 'Correct the value at the path named.',
          }),
      ),
  );
}
