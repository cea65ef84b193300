import { type Condition, type Finding, withTimes } from '@kosmos/api';

/** Conditions that are good news when they are True; the others are when they are False. */
const GOOD = new Set(['Applied', 'ForwardOpen', 'KubeconfigMoved', 'Reachable']);

/** Those that say that something is not as it should be. */
export function troubles(conditions: readonly Condition[] | undefined): readonly Condition[] {
  return (conditions ?? []).filter(({ type, status }) => (GOOD.has(type) ? status !== 'True' : status !== 'False'));
}

/** The conditions of these types to write: what is found, and `False` for what was found before; undefined if they are there already. */
export function merge(
  found: readonly Finding[],
  known: readonly Condition[] | undefined,
  now: string,
  types: readonly string[],
): Condition[] | undefined {
  const over = types.filter((type) => known?.some((c) => c.type === type) && !found.some((f) => f.type === type));
  const wanted = withTimes(
    [...found, ...over.map((type) => ({ type, status: 'False' as const, reason: 'Resolved', message: '' }))],
    known,
    now,
  );
  const same = wanted.every((w) =>
    known?.some((c) => c.type === w.type && c.status === w.status && c.reason === w.reason && (c.message ?? '') === w.message),
  );
  return same ? undefined : wanted.sort((a, b) => (a.type < b.type ? -1 : 1));
}
