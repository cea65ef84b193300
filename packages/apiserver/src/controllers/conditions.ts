import type { Condition } from './kube.ts';

export const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((c) => c.type === type);

export const isTrue = (conditions: readonly Condition[] | undefined, type: string): boolean =>
  conditionOf(conditions, type)?.status === 'True';

/** With this condition in the place of the former of its type, at the end; its time of transition is that of its status. */
export function withCondition(conditions: readonly Condition[] | undefined, condition: Condition): Condition[] {
  const before = conditionOf(conditions, condition.type);
  if (before && before.status === condition.status && before.reason === condition.reason && before.message === condition.message)
    return [...conditions!];
  const kept =
    before?.status === condition.status && before.lastTransitionTime !== undefined
      ? { ...condition, lastTransitionTime: before.lastTransitionTime }
      : condition;
  return [...(conditions ?? []).filter((c) => c.type !== condition.type), kept];
}

export const withoutCondition = (conditions: readonly Condition[] | undefined, type: string): Condition[] =>
  (conditions ?? []).filter((c) => c.type !== type);
