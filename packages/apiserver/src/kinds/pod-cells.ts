import { isObject, type JsonObject } from '../schema/schema.ts';
import { since } from './cells.ts';
import type { Column } from './resource.ts';

const list = (value: unknown): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

const isSidecar = (pod: JsonObject, name: unknown): boolean =>
  list(pod['spec']?.initContainers).find((c) => c['name'] === name)?.['restartPolicy'] === 'Always';

/** What init containers say of a pod that still initialises: `Init:1/2`, `Init:Error`. */
function initReason(pod: JsonObject): string | undefined {
  const statuses = list(pod['status']?.initContainerStatuses);
  for (const [i, c] of statuses.entries()) {
    const { terminated, waiting } = c['state'] ?? {};
    if (terminated && terminated.exitCode === 0) continue;
    if (isSidecar(pod, c['name']) && c['started']) continue;
    if (terminated)
      return `Init:${terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`)}`;
    if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
    return `Init:${i}/${list(pod['spec']?.initContainers).length}`;
  }
  return undefined;
}

/** The word under STATUS, as kubectl shows it (k8s.io/kubernetes/pkg/printers/internalversion). */
function status(pod: JsonObject): string {
  const s: JsonObject = pod['status'] ?? {};
  let reason: string = s['reason'] || s['phase'] || '';
  if (list(s['conditions']).some((c) => c['type'] === 'PodScheduled' && c['reason'] === 'SchedulingGated')) reason = 'SchedulingGated';
  const init = initReason(pod);
  if (init) {
    reason = init;
  } else {
    let running = false;
    for (const c of list(s['containerStatuses']).reverse()) {
      const { waiting, terminated, running: runs } = c['state'] ?? {};
      if (waiting?.reason) reason = waiting.reason;
      else if (terminated?.reason) reason = terminated.reason;
      else if (terminated) reason = terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
      else if (c['ready'] && runs) running = true;
    }
    if (reason === 'Completed' && running) {
      reason = list(s['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True') ? 'Running' : 'NotReady';
    }
  }
  if (pod['metadata'].deletionTimestamp)
    return s['reason'] === 'NodeLost' ? 'Unknown' : ['Succeeded', 'Failed'].includes(s['phase']) ? reason : 'Terminating';
  return reason;
}

export const podCells: Record<string, Column['cell']> = {
  Ready(pod) {
    const sidecars = list(pod['spec']?.initContainers).filter((c) => c['restartPolicy'] === 'Always').length;
    const ready = [
      ...list(pod['status']?.containerStatuses),
      ...list(pod['status']?.initContainerStatuses).filter((c) => isSidecar(pod, c['name'])),
    ].filter((c) => c['ready'] && (c['state']?.running || isSidecar(pod, c['name']))).length;
    return `${ready}/${list(pod['spec']?.containers).length + sidecars}`;
  },
  Status: status,
  Restarts(pod, now) {
    const all = [
      ...list(pod['status']?.containerStatuses),
      ...list(pod['status']?.initContainerStatuses).filter((c) => isSidecar(pod, c['name'])),
    ];
    const count = all.reduce((n, c) => n + (Number(c['restartCount']) || 0), 0);
    const last = all
      .map((c) => c['lastState']?.terminated?.finishedAt)
      .filter(Boolean)
      .sort()
      .at(-1);
    return count && last ? `${count} (${since(last, now)} ago)` : String(count);
  },
  IP: (pod) => pod['status']?.podIPs?.[0]?.ip || pod['status']?.podIP || '<none>',
  Node: (pod) => pod['spec']?.nodeName || '<none>',
  'Nominated Node': (pod) => pod['status']?.nominatedNodeName || '<none>',
  'Readiness Gates'(pod) {
    const gates = list(pod['spec']?.readinessGates);
    if (!gates.length) return '<none>';
    const open = gates.filter((g) =>
      list(pod['status']?.conditions).some((c) => c['type'] === g['conditionType'] && c['status'] === 'True'),
    ).length;
    return `${open}/${gates.length}`;
  },
};
