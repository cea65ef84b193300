import { conditions } from './conditions.ts';
import { type ObjectOf, type Resource, resource } from './kind.ts';
import { integer, list, listMap, object, required, string } from './schema.ts';

const int32 = () => integer({ format: 'int32' });

/** Nodes by the name of their ClusterNode. */
const nodes = (description: string) => list(string(), { description });

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
    links: listMap(
      object({
        cluster: required(string()),
        probed: integer({ format: 'int32', description: 'Tunnels to it that are probed now.' }),
        up: integer({ format: 'int32', description: 'Those of them that answer.' }),
        rttMicroseconds: integer({ format: 'int32', description: 'Median round trip, not more than.' }),
        lossPercent: integer({ format: 'int32', description: 'Probes without an answer, not more than.' }),
        mtu: integer({ format: 'int32', description: 'The largest IP packet that passes all of them undivided.' }),
        down: nodes('Nodes that do not answer.'),
        silent: nodes('Nodes whose kernel answers, and whose agent does not.'),
        narrow: nodes('Nodes to which packets of full size get lost.'),
      }),
      ['cluster'],
      { description: 'How well the tunnels to each cluster work: coarse, written when that changes.' },
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
