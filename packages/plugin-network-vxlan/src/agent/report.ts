import { type Finding, type NodeConfig, NodeConfigKind, rfc3339, withTimes } from '@kosmos/api';
import type { Clock, Writer } from '@kosmos/kernel';
import type { NodePlan } from '../plan/types.ts';
import type { Problem } from './desired.ts';
import type { Outcome } from './kernel-state.ts';
import { fingerprint } from './memory.ts';

/** Every write reaches all who watch, so it is rare. */
const AT_MOST_EVERY_MS = 10_000;
const ERRORS_NAMED = 5;

export interface Report {
  /** What was held last; written soon, if it says something new. */
  held(plan: NodePlan, outcome: Pick<Outcome, 'problems' | 'refused' | 'blocked'>): void;
  /** The node takes part no more: its NodeConfig goes too. */
  gone(): void;
  stop(): void;
}

/** The node's NodeConfig: a summary of what is applied, written when its content changes, at most every 10 s. */
export function nodeReport(name: string, writer: Writer, clock: Clock, failed: (error: unknown) => void): Report {
  let hashed: { readonly plan: NodePlan; readonly hash: string } | undefined;
  let content: { readonly key: string; readonly hash: string; readonly counts: object; readonly findings: readonly Finding[] } | undefined;
  let told: string | undefined;
  let last: NodeConfig['status'];
  let notBefore = 0;
  let cancel: (() => void) | undefined;
  let stopped = false;
  const write = async () => {
    cancel = undefined;
    if (stopped || !content || content.key === told) return;
    const { key, hash, counts, findings } = content;
    notBefore = clock.now() + AT_MOST_EVERY_MS;
    const now = rfc3339(clock.now());
    const lastChangeTime = (last?.hash === hash && last.lastChangeTime) || now;
    const status = { hash, counts, lastSyncTime: now, lastChangeTime, conditions: withTimes(findings, last?.conditions, now) };
    try {
      await writer.apply('host', NodeConfigKind, { metadata: { name } }, { force: true });
      await writer.apply('host', NodeConfigKind, { metadata: { name }, status }, { force: true, subresource: 'status' });
      told = key;
      last = status;
    } catch (error) {
      failed(error);
    }
    plan();
  };
  const plan = () => {
    if (stopped || !content || content.key === told) return;
    cancel ??= clock.after(Math.max(0, notBefore - clock.now()), () => void write());
  };
  return {
    held(applied, { problems, refused, blocked }) {
      if (hashed?.plan !== applied) hashed = { plan: applied, hash: fingerprint(applied) };
      const { devices, routes, fdbs, arps, nat } = applied;
      const counts = { devices: devices.length, routes: routes.length, fdbs: fdbs.length, arps: arps.length, nat: nat.length };
      const reason = refused.length > 0 ? 'Refused' : 'Impossible';
      const findings = [
        finding('Applied', ['Applied', 'The kernel holds what is planned.'], reason, [...refused, ...problems]),
        finding('ForwardOpen', ['Open', 'No rule of other software is known to drop what the tunnels bring.'], 'Blocked', blocked),
      ];
      content = { key: fingerprint([hashed.hash, findings]), hash: hashed.hash, counts, findings };
      plan();
    },
    gone() {
      cancel?.();
      cancel = content = undefined;
      if (told === undefined) return;
      told = last = undefined;
      writer.delete({ cluster: 'host', name }, NodeConfigKind).catch(failed);
    },
    stop() {
      stopped = true;
      cancel?.();
    },
  };
}

function finding(type: string, [reason, message]: readonly [string, string], wrong: string, all: readonly Problem[]): Finding {
  if (all.length === 0) return { type, status: 'True', reason, message };
  const named = all.slice(0, ERRORS_NAMED).map((p) => `${p.item}: ${p.message}`);
  const rest = all.length - named.length;
  return { type, status: 'False', reason: wrong, message: [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ') };
}
