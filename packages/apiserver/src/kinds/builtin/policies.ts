import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dns1035Label, dnsSubdomain, labelKey, pathSegment } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { blank, checked, conditionProblems, matchConditionProblems, named, oneOf, selectorProblems } from './checks.ts';
import { ruleProblems } from './extensions.ts';

/* Admission policies and their bindings. They are kept and not enforced; their expressions are not compiled. */

function matchDefaults(match: JsonObject | undefined): void {
  if (!match) return;
  match['matchPolicy'] ??= 'Equivalent';
  match['namespaceSelector'] ??= {};
  match['objectSelector'] ??= {};
  for (const key of ['resourceRules', 'excludeResourceRules']) for (const rule of match[key] ?? []) rule.scope ??= '*';
}

function namedRuleProblems(rule: JsonObject, path: string): Cause[] {
  const names: string[] = rule['resourceNames'] ?? [];
  return [
    ...names.flatMap((name, i) => [
      ...checked(name, `${path}.resourceNames[${i}]`, pathSegment),
      ...(names.indexOf(name) < i ? [field.duplicate(`${path}.resourceNames[${i}]`, name)] : []),
    ]),
    ...ruleProblems(rule, path),
  ];
}

function matchProblems(match: JsonObject | undefined, path: string): Cause[] {
  if (!match) return [];
  return [
    ...oneOf(match['matchPolicy'], `${path}.matchPolicy`, ['Equivalent', 'Exact']),
    ...['namespaceSelector', 'objectSelector'].flatMap((key) => selectorProblems(match[key], `${path}.${key}`)),
    ...['resourceRules', 'excludeResourceRules'].flatMap((key) =>
      ((match[key] ?? []) as JsonObject[]).flatMap((rule, i) => namedRuleProblems(rule, `${path}.${key}[${i}]`)),
    ),
  ];
}

function paramKindProblems({ apiVersion, kind }: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const [version = '', group = ''] = String(apiVersion ?? '')
    .split('/')
    .reverse();
  const joined = (value: string, check: (text: string) => string[]): Cause[] => {
    const problems = check(value);
    return problems.length ? [field.invalid(`${path}.apiVersion`, value, problems.join(','))] : [];
  };
  if (!apiVersion) causes.push(field.required(`${path}.apiVersion`));
  else if (String(apiVersion).split('/').length > 2)
    causes.push(field.invalid(`${path}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    if (group) causes.push(...joined(group, dnsSubdomain));
    causes.push(
      ...(version ? joined(version, dns1035Label) : [field.invalid(`${path}.apiVersion`, apiVersion, 'version must be specified')]),
    );
  }
  const wrong = kind ? dns1035Label(String(kind).toLowerCase()) : [];
  if (!kind) causes.push(field.required(`${path}.kind`));
  else if (wrong.length)
    causes.push(field.invalid(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`));
  return causes;
}

/** What policies of both kinds have. */
function policyProblems(spec: JsonObject): Cause[] {
  const match: JsonObject | undefined = spec['matchConstraints'];
  const causes = oneOf(spec['failurePolicy'], 'spec.failurePolicy', ['Fail', 'Ignore']);
  if (spec['paramKind']) causes.push(...paramKindProblems(spec['paramKind'], 'spec.paramKind'));
  if (!match) causes.push(field.required('spec.matchConstraints'));
  else {
    causes.push(...matchProblems(match, 'spec.matchConstraints'));
    if (!match['resourceRules']?.length) causes.push(field.required('spec.matchConstraints.resourceRules'));
  }
  causes.push(...matchConditionProblems(spec['matchConditions'], 'spec.matchConditions'));
  for (const [i, v] of (spec['variables'] ?? []).entries()) {
    const at = `spec.variables[${i}]`;
    if (blank(v.name)) causes.push(field.required(`${at}.name`, 'name is not specified'));
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(v.name)) causes.push(field.invalid(`${at}.name`, v.name, 'must be a valid CEL identifier'));
    if (blank(v.expression)) causes.push(field.required(`${at}.expression`, 'expression is not specified'));
  }
  return causes;
}

const policyDefaults = (object: JsonObject): void => {
  const spec: JsonObject = (object['spec'] ??= {});
  spec['failurePolicy'] ??= 'Fail';
  matchDefaults(spec['matchConstraints']);
};

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function validationProblems(v: JsonObject, path: string): Cause[] {
  const causes: Cause[] = blank(v['expression']) ? [field.required(`${path}.expression`, 'expression is not specified')] : [];
  for (const key of ['messageExpression', 'message'])
    if (v[key] && blank(v[key])) causes.push(field.invalid(`${path}.${key}`, v[key], 'must be non-empty if specified'));
  if (/[\r\n]/.test(String(v['message'] ?? '').trim()))
    causes.push(field.invalid(`${path}.message`, v['message'], 'must not contain line breaks'));
  return [...causes, ...oneOf(v['reason'], `${path}.reason`, REASONS)];
}

export const validatingPolicy: Strategy = {
  defaults: policyDefaults,
  validate({ metadata, spec }) {
    const causes = policyProblems(spec);
    const annotations: JsonObject[] = spec.auditAnnotations ?? [];
    if (!spec.validations?.length && !annotations.length)
      for (const key of ['validations', 'auditAnnotations'])
        causes.push(field.required(`spec.${key}`, 'validations or auditAnnotations must contain at least one item'));
    for (const [i, v] of (spec.validations ?? []).entries()) causes.push(...validationProblems(v, `spec.validations[${i}]`));
    for (const [i, a] of annotations.entries()) {
      const at = `spec.auditAnnotations[${i}]`;
      causes.push(
        ...labelKey(`${metadata.name}/${a['key'] ?? ''}`).map((why) =>
          field.invalid(`${at}.key`, `${metadata.name}/${a['key'] ?? ''}`, why),
        ),
      );
      if (blank(a['valueExpression'])) causes.push(field.required(`${at}.valueExpression`, 'valueExpression is not specified'));
      if (annotations.findIndex((o) => o['key'] === a['key']) < i) causes.push(field.duplicate(`${at}.key`, a['key']));
    }
    return causes;
  },
  validateStatus: ({ status = {} }) => conditionProblems(status.conditions, 'status.conditions'),
};

function mutationProblems(m: JsonObject, path: string): Cause[] {
  if (!m['patchType']) return [field.required(`${path}.patchType`)];
  const causes = oneOf(m['patchType'], `${path}.patchType`, ['ApplyConfiguration', 'JSONPatch']);
  for (const [type, own, other] of [
    ['JSONPatch', 'jsonPatch', 'applyConfiguration'],
    ['ApplyConfiguration', 'applyConfiguration', 'jsonPatch'],
  ] as const) {
    if (m['patchType'] !== type) continue;
    if (!m[own]) causes.push(field.required(`${path}.${own}`, `must be specified when patchType is ${type}`));
    else if (blank(m[own].expression)) causes.push(field.required(`${path}.${own}.expression`, 'expression is not specified'));
    if (m[other]) causes.push(field.invalid(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${type}`));
  }
  return causes;
}

export const mutatingPolicy: Strategy = {
  defaults: policyDefaults,
  validate({ spec }) {
    const causes = policyProblems(spec);
    for (const rule of spec.matchConstraints?.resourceRules ?? [])
      for (const o of rule.operations ?? [])
        causes.push(...oneOf(o, 'spec.matchConstraints.resourceRules.operations', ['CREATE', 'UPDATE']));
    if (!spec.mutations?.length) causes.push(field.required('spec.mutations', 'mutations must contain at least one item'));
    for (const [i, m] of (spec.mutations ?? []).entries()) causes.push(...mutationProblems(m, `spec.mutations[${i}]`));
    if (!spec.reinvocationPolicy) causes.push(field.required('spec.reinvocationPolicy'));
    else causes.push(...oneOf(spec.reinvocationPolicy, 'spec.reinvocationPolicy', ['IfNeeded', 'Never']));
    return causes;
  },
};

function paramRefProblems(ref: JsonObject | undefined, path: string): Cause[] {
  if (!ref) return [];
  const { name, selector, parameterNotFoundAction: action } = ref;
  const causes = [...named(name, `${path}.name`, pathSegment), ...selectorProblems(selector, `${path}.selector`)];
  if (name && selector)
    for (const key of ['name', 'selector']) causes.push(field.forbidden(`${path}.${key}`, 'name and selector are mutually exclusive'));
  if (!name && !selector) causes.push(field.required(path, 'one of name or selector must be specified'));
  if (!action) causes.push(field.required(`${path}.parameterNotFoundAction`));
  else causes.push(...oneOf(action, `${path}.parameterNotFoundAction`, ['Deny', 'Allow']));
  return causes;
}

function bindingProblems(spec: JsonObject): Cause[] {
  return [
    ...(spec['policyName'] ? checked(spec['policyName'], 'spec.policyName', dnsSubdomain) : [field.required('spec.policyName')]),
    ...paramRefProblems(spec['paramRef'], 'spec.paramRef'),
    ...matchProblems(spec['matchResources'], 'spec.matchResources'),
  ];
}

const bindingDefaults = (object: JsonObject): void => {
  const spec: JsonObject = (object['spec'] ??= {});
  matchDefaults(spec['matchResources']);
};

export const validatingBinding: Strategy = {
  defaults: bindingDefaults,
  validate({ spec }) {
    const actions: string[] = spec.validationActions ?? [];
    const at = 'spec.validationActions';
    const causes = bindingProblems(spec);
    for (const [i, action] of actions.entries()) {
      causes.push(...oneOf(action, `${at}[${i}]`, ['Audit', 'Deny', 'Warn']));
      if (actions.indexOf(action) < i) causes.push(field.duplicate(`${at}[${i}]`, action));
    }
    if (actions.includes('Deny') && actions.includes('Warn'))
      causes.push(
        field.invalid(
          at,
          actions,
          'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
        ),
      );
    if (!actions.length) causes.push(field.required(at, 'at least one validation action is required'));
    return causes;
  },
};

export const mutatingBinding: Strategy = { defaults: bindingDefaults, validate: ({ spec }) => bindingProblems(spec) };
