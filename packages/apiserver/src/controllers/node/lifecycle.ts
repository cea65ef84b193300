import { equal } from '../../schema/schema.ts';
import { conditionOf } from '../conditions.ts';
import type { Context, Controller } from '../context.ts';
import { Leases, Nodes, Pods, type Condition, type Node } from '../kube.ts';
import { isReady, podsOn } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { readiness, taintsOf } from './taints.ts';

/** Milliseconds that a node may be silent. */
const GRACE = 50_000;
/** The same for one that never said anything. */
const START_GRACE = 60_000;
const LEASES = 'kube-node-lease';
const CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** Notices nodes that fall silent, and gives nodes the taints that their conditions mean. */
export const nodeLifecycleController: Controller = {
  name: 'node-lifecycle-controller',
  component: 'node-controller',
  start(c) {
    /** When each node was last heard of, by this controller's time: that of nodes may be another one. */
    const heard = new Map<string, number>();
    const queue: WorkQueue = c.queue((name) => sync(c, queue, heard, name));
    const lookAtAll = (): void => {
      for (const { metadata } of c.informer(Nodes).list()) queue.add(metadata.name);
    };
    const heartbeat = (n: Node | undefined): unknown => n?.status?.conditions?.map((x) => [x.status, x.lastHeartbeatTime]);
    c.informer(Nodes).on((now, before) => {
      const { name } = (now ?? before)!.metadata;
      if (!now) heard.delete(name);
      else if (!before) {
        heard.set(name, c.clock.now());
        c.event(Nodes, now, 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
      } else if (!isSilent(now) && !equal(heartbeat(now), heartbeat(before))) heard.set(name, c.clock.now());
      queue.add(name);
      // Whether any node is ready decides for all whether pods are evicted.
      if ((now && readiness(now)) !== (before && readiness(before))) lookAtAll();
    });
    c.informer(Leases).on((now) => {
      if (now?.metadata.namespace === LEASES && c.informer(Nodes).get('', now.metadata.name)) heard.set(now.metadata.name, c.clock.now());
    });
  },
};

const isSilent = ({ status }: Node): boolean => conditionOf(status?.conditions, 'Ready')?.reason === 'NodeStatusUnknown';

async function sync(c: Context, queue: WorkQueue, heard: Map<string, number>, name: string): Promise<void> {
  let node = c.informer(Nodes).get('', name);
  if (!node) return;
  const known = conditionOf(node.status?.conditions, 'Ready');
  const wait = (heard.get(name) ?? 0) + (known ? GRACE : START_GRACE) - c.clock.now();
  if (wait > 0) queue.addAfter(name, wait);
  else if (known?.status !== 'Unknown') node = await silence(c, node);
  await taint(c, node);
  await label(c, node);
  if (readiness(node)) await markPods(c, node);
}

/** Says of a node that nothing is known of it. */
async function silence(c: Context, node: Node): Promise<Node> {
  const now = c.timestamp();
  const written = await c.client.updateStatus(Nodes, node, (o) => {
    const conditions = [...(o.status?.conditions ?? [])];
    for (const type of CONDITIONS) {
      const i = conditions.findIndex((x) => x.type === type);
      const before = conditions[i];
      if (!before) {
        conditions.push({
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: node.metadata.creationTimestamp,
          lastTransitionTime: now,
        });
      } else if (before.status !== 'Unknown') {
        const unknown: Condition = {
          ...before,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: now,
        };
        conditions[i] = unknown;
      }
    }
    o.status = { ...o.status, conditions };
  });
  c.event(Nodes, node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`);
  return written;
}

async function taint(c: Context, node: Node): Promise<void> {
  // Where no node is ready, it is the cluster that has a problem, not its nodes.
  const evicts = c
    .informer(Nodes)
    .list()
    .some((n) => !readiness(n));
  const wanted = taintsOf(node, evicts, c.timestamp());
  if (equal(wanted, node.spec.taints ?? [])) return;
  await c.client.modify(Nodes, node, (o) => {
    o.spec.taints = taintsOf(o, evicts, c.timestamp());
    if (o.spec.taints.length === 0) delete o.spec.taints;
  });
}

/** Older names of labels, by which some still select nodes. */
const OLD_LABELS: Record<string, string> = { 'kubernetes.io/os': 'beta.kubernetes.io/os', 'kubernetes.io/arch': 'beta.kubernetes.io/arch' };

async function label(c: Context, node: Node): Promise<void> {
  const { labels = {} } = node.metadata;
  const missing = Object.entries(OLD_LABELS).flatMap(([name, old]) => {
    const value = labels[name];
    return value === undefined || labels[old] === value ? [] : [[old, value] as const];
  });
  if (missing.length === 0) return;
  await c.client.modify(Nodes, node, (o) => {
    o.metadata.labels = { ...o.metadata.labels, ...Object.fromEntries(missing) };
  });
}

/** Pods on a node that is not ready are not ready: services leave them. */
async function markPods(c: Context, node: Node): Promise<void> {
  const known = conditionOf(node.status?.conditions, 'Ready');
  if (!known || known.status === 'True') return;
  for (const pod of podsOn(c, node.metadata.name)) {
    if (!isReady(pod)) continue;
    await c.client.modify(
      Pods,
      pod,
      (o) => {
        const ready = conditionOf(o.status?.conditions, 'Ready');
        if (ready) Object.assign(ready, { status: 'False', lastTransitionTime: c.timestamp() });
      },
      'status',
    );
    c.event(Pods, pod, 'Warning', 'NodeNotReady', 'Node is not ready');
  }
}
