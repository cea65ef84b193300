import { conditions } from './conditions.ts';
import { type ObjectOf, type Resource, resource } from './kind.ts';
import { integer, list, object, string } from './schema.ts';

const int32 = () => integer({ format: 'int32' });

const schema = object({
  spec: object({
    devices: list(
      object({
        type: string(),
        name: string(),
        addr: string(),
        mac: string(),
        bindDev: string(),
        id: int32(),
        port: int32(),
        mtu: int32(),
      }),
    ),
    routes: list(object({ cidr: string(), gw: string(), alternates: list(string()), active: int32(), dev: string() })),
    iptables: list(object({ table: string(), chain: string(), rule: string() }), { description: 'Of the original; not written any more.' }),
    nat: list(object({ stage: string(), cidr: string(), real: string(), seen: string(), dev: string() })),
    fdbs: list(object({ ip: string(), mac: string(), dev: string() })),
    arps: list(object({ ip: string(), mac: string(), dev: string() })),
  }),
  status: object({
    lastChangeTime: string({ format: 'date-time', description: 'When the node was last changed.' }),
    lastSyncTime: string({ format: 'date-time', description: 'When the node was last seen to hold what is planned.' }),
    hash: string({ description: 'SHA-256 of the plan that is applied.' }),
    counts: object(
      { devices: int32(), routes: int32(), fdbs: int32(), arps: int32(), nat: int32() },
      { description: 'How many of each the plan that is applied has.' },
    ),
    conditions,
  }),
});

export type NodeConfig = ObjectOf<typeof schema>;
/** The report of one agent: a summary of what it applied. Named as the ClusterNode. The spec is what `kosmos plan` prints; agents leave it empty. */
export const NodeConfigKind: Resource<NodeConfig> = resource(schema, {
  kind: 'NodeConfig',
  plural: 'nodeconfigs',
  description: 'NodeConfig reports what the agent of one node applied.',
  statusSubresource: true,
  columns: [
    { name: 'APPLIED', type: 'string', jsonPath: '.status.conditions[?(@.type=="Applied")].status' },
    { name: 'ROUTES', type: 'integer', jsonPath: '.status.counts.routes' },
    { name: 'SYNCED', type: 'date', jsonPath: '.status.lastSyncTime' },
  ],
});
