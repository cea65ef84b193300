import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, labelKey, labelValue } from '../names.ts';
import { checked, named, oneOf, selectorProblems } from './checks.ts';

/** What is wrong with a toleration. */
export function tolerationProblems(t: JsonObject, path: string): Cause[] {
  const causes = named(t['key'], `${path}.key`, labelKey);
  if (!t['key'] && t['operator'] !== 'Exists')
    causes.push(
      field.invalid(
        `${path}.operator`,
        t['operator'] ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (t['tolerationSeconds'] !== undefined && t['effect'] !== 'NoExecute')
    causes.push(field.invalid(`${path}.effect`, t['effect'] ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (t['operator'] === 'Exists' && t['value'])
    causes.push(field.invalid(`${path}.operator`, t['value'], "value must be empty when `operator` is 'Exists'"));
  if (!t['operator'] || t['operator'] === 'Equal') {
    const bad = labelValue(String(t['value'] ?? ''));
    if (bad.length) causes.push(field.invalid(`${path}.operator`, t['value'], bad.join(';')));
  }
  causes.push(...oneOf(t['operator'] || undefined, `${path}.operator`, ['Equal', 'Exists']));
  causes.push(...oneOf(t['effect'] || undefined, `${path}.effect`, ['NoExecute', 'NoSchedule', 'PreferNoSchedule']));
  return causes;
}

function requirementProblems(e: JsonObject, at: string, strict: boolean): Cause[] {
  const causes: Cause[] = [];
  const values: string[] = e['values'] ?? [];
  if (['In', 'NotIn'].includes(e['operator'])) {
    if (!values.length) causes.push(field.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (['Exists', 'DoesNotExist'].includes(e['operator'])) {
    if (values.length) causes.push(field.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else if (['Gt', 'Lt'].includes(e['operator'])) {
    if (values.length !== 1) causes.push(field.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else causes.push(field.invalid(`${at}.operator`, e['operator'] ?? '', 'not a valid selector operator'));
  causes.push(...checked(e['key'], `${at}.key`, labelKey));
  if (strict) for (const [i, v] of values.entries()) causes.push(...checked(v, `${at}.values[${i}]`, labelValue));
  return causes;
}

function nodeFieldProblems(e: JsonObject, at: string): Cause[] {
  const causes: Cause[] = [];
  const values: string[] = e['values'] ?? [];
  if (!['In', 'NotIn'].includes(e['operator']))
    causes.push(field.invalid(`${at}.operator`, e['operator'] ?? '', 'not a valid selector operator'));
  else if (values.length !== 1)
    causes.push(field.required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  if (e['key'] !== 'metadata.name') causes.push(field.invalid(`${at}.key`, e['key'] ?? '', 'not a valid field selector key'));
  else for (const [i, v] of values.entries()) causes.push(...checked(v, `${at}.values[${i}]`, dnsSubdomain));
  return causes;
}

/** What is wrong with a term of a NodeSelector; one that is only preferred may have values that no label has. */
function nodeTerm(term: JsonObject, path: string, strict: boolean): Cause[] {
  return [
    ...(term['matchExpressions'] ?? []).flatMap((e: JsonObject, i: number) =>
      requirementProblems(e, `${path}.matchExpressions[${i}]`, strict),
    ),
    ...(term['matchFields'] ?? []).flatMap((e: JsonObject, i: number) => nodeFieldProblems(e, `${path}.matchFields[${i}]`)),
  ];
}

/** What is wrong with a NodeSelector. */
export function nodeSelectorProblems(selector: JsonObject | undefined, path: string): Cause[] {
  if (!selector) return [];
  const terms: JsonObject[] = selector['nodeSelectorTerms'] ?? [];
  if (!terms.length) return [field.required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term')];
  return terms.flatMap((t, i) => nodeTerm(t, `${path}.nodeSelectorTerms[${i}]`, true));
}

/** What is wrong with a pod's affinity. */
export function affinityProblems(a: JsonObject | undefined, path: string): Cause[] {
  const node: JsonObject | undefined = a?.['nodeAffinity'];
  const causes = nodeSelectorProblems(
    node?.['requiredDuringSchedulingIgnoredDuringExecution'],
    `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`,
  );
  const weight = (w: unknown, at: string): void => {
    if (!(typeof w === 'number' && w >= 1 && w <= 100)) causes.push(field.invalid(`${at}.weight`, w ?? 0, 'must be in the range 1-100'));
  };
  for (const [i, p] of (node?.['preferredDuringSchedulingIgnoredDuringExecution'] ?? []).entries()) {
    const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    weight(p.weight, at);
    causes.push(...nodeTerm(p.preference ?? {}, `${at}.preference`, false));
  }
  const term = (t: JsonObject, at: string): void => {
    causes.push(
      ...selectorProblems(t['labelSelector'], `${at}.labelSelector`),
      ...selectorProblems(t['namespaceSelector'], `${at}.namespaceSelector`),
      ...(t['namespaces'] ?? []).flatMap((n: string) => checked(n, `${at}.namespace`, dnsLabel)),
    );
    if (!t['topologyKey']) causes.push(field.required(`${at}.topologyKey`, 'can not be empty'));
    causes.push(...checked(t['topologyKey'], `${at}.topologyKey`, labelKey));
  };
  for (const key of ['podAffinity', 'podAntiAffinity']) {
    for (const [i, t] of (a?.[key]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries())
      term(t, `${path}.${key}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`);
    for (const [i, p] of (a?.[key]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const at = `${path}.${key}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      weight(p.weight, at);
      term(p.podAffinityTerm ?? {}, `${at}.podAffinityTerm`);
    }
  }
  return causes;
}
