import { isSidecar, type Condition, type Pod, type PodStatus } from '../kube.ts';
import type { ContainerRecord, PodFacts } from './status.ts';

type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>;

const YES: Verdict = { status: 'True' };
const no = (reason: string, message?: string): Verdict => ({ status: 'False', reason, ...(message !== undefined && { message }) });
const names = (records: readonly { readonly name: string }[]) => `[${records.map((r) => r.name).join(' ')}]`;

/** A pod's conditions as kubelets write them; those of others stay as they are. */
export function conditionsOf(pod: Pod, phase: PodStatus['phase'], records: readonly ContainerRecord[], facts: PodFacts): Condition[] {
  const ready = containersReady(pod, phase, records);
  const verdicts: Readonly<Record<string, Verdict>> = {
    PodReadyToStartContainers: { status: facts.isPrepared ? 'True' : 'False' },
    Initialized: initialized(pod, phase, records),
    Ready: ready.status === 'True' ? gates(pod) : ready,
    ContainersReady: ready,
    PodScheduled: YES,
  };
  const old = pod.status?.conditions ?? [];
  const own = Object.entries(verdicts).map(([type, verdict]): Condition => {
    const before = old.find((c) => c.type === type);
    return {
      type,
      ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
      ...verdict,
      lastProbeTime: null,
      lastTransitionTime: before?.status === verdict.status && before.lastTransitionTime ? before.lastTransitionTime : facts.now,
    };
  });
  return [...own, ...old.filter((c) => !(c.type in verdicts))];
}

function initialized(pod: Pod, phase: PodStatus['phase'], records: readonly ContainerRecord[]): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (pod.spec.containers.some((c) => records.find((r) => r.name === c.name)?.began)) return YES;
  const undone = (pod.spec.initContainers ?? []).filter((c) => {
    const record = records.find((r) => r.name === c.name);
    return isSidecar(c) ? !record?.started : record?.state.terminated?.exitCode !== 0;
  });
  return undone.length === 0 ? YES : no('ContainersNotInitialized', `containers with incomplete status: ${names(undone)}`);
}

function containersReady(pod: Pod, phase: PodStatus['phase'], records: readonly ContainerRecord[]): Verdict {
  if (phase === 'Succeeded') return no('PodCompleted');
  if (phase === 'Failed') return no('PodFailed');
  const lasting = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const unready = lasting.filter((c) => !records.find((r) => r.name === c.name)?.ready);
  return unready.length === 0 ? YES : no('ContainersNotReady', `containers with unready status: ${names(unready)}`);
}

function gates(pod: Pod): Verdict {
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((c) => c.type === conditionType);
    if (found?.status === 'True') return [];
    return [
      found
        ? `the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`
        : `corresponding condition of pod readiness gate "${conditionType}" does not exist.`,
    ];
  });
  return messages.length === 0 ? YES : no('ReadinessGatesNotReady', messages.join(', '));
}
