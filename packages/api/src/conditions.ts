import { type Infer, integer, listMap, object, oneOf, required, string } from './schema.ts';

/** metav1.Condition, leniently: a list of them is keyed by `type`, so that each controller owns its own. */
const condition = object({
  type: required(string()),
  status: required(oneOf(['True', 'False', 'Unknown'])),
  reason: string(),
  message: string(),
  observedGeneration: integer({ format: 'int64' }),
  lastTransitionTime: string({ format: 'date-time' }),
});
export type Condition = Infer<typeof condition>;
export const conditions = listMap(condition, ['type'], { description: 'What is known of the object now; one entry a type.' });

/** What a controller says of an object; the time is added by `withTimes`. */
export type Finding = Pick<Condition, 'type' | 'status'> & { readonly reason: string; readonly message: string };

/** A time in ms since 1970 as Kubernetes writes it: RFC 3339, in whole seconds. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Gives each finding its lastTransitionTime: the known one when the status is the same as before, else `now` (RFC 3339). */
export function withTimes(findings: readonly Finding[], known: readonly Condition[] | undefined, now: string): Condition[] {
  return findings.map((finding) => {
    const before = known?.find((c) => c.type === finding.type);
    return {
      ...finding,
      lastTransitionTime: before?.status === finding.status && before.lastTransitionTime ? before.lastTransitionTime : now,
    };
  });
}
