import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';

const ACTIONS = ['Restart', 'RestartAllContainers'];
const OPERATORS = ['In', 'NotIn'];
const MAX_RULES = 20;
const MAX_VALUES = 255;

/** What is wrong with the rules by which a container starts again. */
export function restartRuleProblems(c: JsonObject, path: string): Cause[] {
  const rules: JsonObject[] = c['restartPolicyRules'] ?? [];
  if (!rules.length) return [];
  const causes: Cause[] = [];
  const at = `${path}.restartPolicyRules`;
  if (!c['restartPolicy']) causes.push(field.required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  if (rules.length > MAX_RULES) causes.push(field.tooMany(at, rules.length, MAX_RULES));
  for (const [i, { action = '', exitCodes }] of rules.entries()) {
    if (!ACTIONS.includes(action)) causes.push(field.notSupported(`${at}[${i}].action`, action, ACTIONS));
    if (!exitCodes) {
      causes.push(field.required(`${at}[${i}].exitCodes`, 'must be specified'));
      continue;
    }
    const { operator = '', values = [] } = exitCodes;
    if (!OPERATORS.includes(operator)) causes.push(field.notSupported(`${at}[${i}].exitCodes.operator`, operator, OPERATORS));
    if (values.length > MAX_VALUES) causes.push(field.tooMany(`${at}[${i}].exitCodes.values`, values.length, MAX_VALUES));
  }
  return causes;
}

const matches = ({ exitCodes }: JsonObject, code: unknown): boolean =>
  (exitCodes?.values ?? []).includes(code) === (exitCodes?.operator === 'In');

/** Whether a container of a pod that ended with this code starts again: by its own policy or the pod's, or by a rule. */
export function mayRestart(spec: JsonObject, name: string, code: unknown): boolean {
  const all: JsonObject[] = [...(spec['initContainers'] ?? []), ...(spec['containers'] ?? [])];
  const rulesOf = (c: JsonObject | undefined): JsonObject[] => c?.['restartPolicyRules'] ?? [];
  const own = all.find((c) => c['name'] === name);
  const policy: unknown = own?.['restartPolicy'] ?? spec['restartPolicy'];
  return (
    policy === 'Always' ||
    (policy === 'OnFailure' && code !== 0) ||
    rulesOf(own).some((rule) => matches(rule, code)) ||
    // One that starts all again may be any.
    all.some((c) => rulesOf(c).some((rule) => rule['action'] === 'RestartAllContainers'))
  );
}
