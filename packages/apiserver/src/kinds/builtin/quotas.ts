import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { labelKey } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import type { Strategy } from '../resource.ts';
import { checked } from './checks.ts';
import { amountProblems, containerResourceName, isOvercommitted, quotaResourceName, resourceName } from './resources.ts';

type Amounts = Record<string, unknown>;

const greater = (a: unknown, b: unknown): boolean => a !== undefined && b !== undefined && quantityValue(a) > quantityValue(b);

function limitProblems(limit: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const type: string = limit['type'] ?? '';
  const name = ['Pod', 'Container'].includes(type) ? containerResourceName : resourceName;
  const { min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = limit as Record<string, Amounts>;
  const defaults: Amounts = type === 'Pod' ? {} : (limit['default'] ?? {});
  const requests: Amounts = type === 'Pod' ? {} : (limit['defaultRequest'] ?? {});
  if (type === 'Pod')
    for (const key of ['default', 'defaultRequest'])
      if (Object.keys(limit[key] ?? {}).length) causes.push(field.forbidden(`${path}.${key}`, "may not be specified when `type` is 'Pod'"));
  for (const [key, amounts] of Object.entries({ max, min, default: defaults, defaultRequest: requests, maxLimitRequestRatio: ratios }))
    for (const r of Object.keys(amounts)) causes.push(...name(r, `${path}.${key}[${r}]`));
  if (type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined)
    causes.push(field.required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'));
  for (const r of new Set([min, max, defaults, requests, ratios].flatMap((a) => Object.keys(a)))) {
    const wrong = (key: string, value: unknown, why: string): void => {
      causes.push(field.invalid(`${path}.${key}[${r}]`, value, why));
    };
    if (greater(min[r], max[r])) wrong('min', min[r], `min value ${String(min[r])} is greater than max value ${String(max[r])}`);
    if (greater(min[r], requests[r]))
      wrong('defaultRequest', requests[r], `min value ${String(min[r])} is greater than default request value`);
    if (greater(requests[r], max[r])) wrong('defaultRequest', requests[r], 'default request value is greater than max value');
    if (greater(requests[r], defaults[r]))
      wrong('defaultRequest', requests[r], 'default request value is greater than default limit value');
    if (greater(min[r], defaults[r])) wrong('default', min[r], 'min value is greater than default value');
    if (greater(defaults[r], max[r])) wrong('default', max[r], 'default value is greater than max value');
    if (ratios[r] !== undefined) {
      if (quantityValue(ratios[r]) < 1) wrong('maxLimitRequestRatio', ratios[r], `ratio ${String(ratios[r])} is less than 1`);
      if (min[r] !== undefined && max[r] !== undefined && quantityValue(ratios[r]) > quantityValue(max[r]) / quantityValue(min[r]))
        wrong('maxLimitRequestRatio', ratios[r], `ratio ${String(ratios[r])} is greater than max/min`);
    }
    if (
      !isOvercommitted(r) &&
      defaults[r] !== undefined &&
      requests[r] !== undefined &&
      quantityValue(defaults[r]) !== quantityValue(requests[r])
    )
      wrong('defaultRequest', requests[r], 'default value must equal to defaultRequest value');
  }
  return causes;
}

export const limitRange: Strategy = {
  defaults(object) {
    for (const limit of (object['spec']?.limits ?? []) as JsonObject[]) {
      if (limit['type'] !== 'Container') continue;
      if (limit['max']) limit['default'] = { ...limit['max'], ...limit['default'] };
      const requests = { ...limit['min'], ...limit['default'], ...limit['defaultRequest'] };
      if (Object.keys(requests).length) limit['defaultRequest'] = requests;
    }
  },
  validate({ spec = {} }) {
    const causes: Cause[] = [];
    const seen = new Set<string>();
    for (const [i, limit] of ((spec.limits ?? []) as JsonObject[]).entries()) {
      const at = `spec.limits[${i}]`;
      const type: string = limit['type'] ?? '';
      const bad = checked(type, `${at}.type`, labelKey);
      causes.push(...bad);
      if (!bad.length && !type.includes('/') && !['Container', 'PersistentVolumeClaim', 'Pod'].includes(type))
        causes.push(field.invalid(`${at}.type`, type, 'must be a standard limit type or fully qualified'));
      if (seen.has(type)) causes.push(field.duplicate(`${at}.type`, type));
      seen.add(type);
      causes.push(...limitProblems(limit, at));
    }
    return causes;
  },
};

const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];

/** Scopes that rule each other out. */
const APART = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

const COUNTED = new Set(
  `cpu memory ephemeral-storage requests.cpu requests.memory requests.storage requests.ephemeral-storage limits.cpu limits.memory
   limits.ephemeral-storage pods resourcequotas services replicationcontrollers secrets persistentvolumeclaims configmaps services.nodeports
   services.loadbalancers`.split(/\s+/),
);
const COMPUTED = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];

/** What a scope can be of; one that isn't known can be of all. */
const SCOPED: Record<string, string[]> = {
  BestEffort: ['pods'],
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
  ...Object.fromEntries(
    ['Terminating', 'NotTerminating', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity'].map((scope) => [scope, COMPUTED]),
  ),
};

/** How many of the amounts a scope cannot be of. */
const outOfScope = (scope: string, hard: Amounts | undefined): string[] =>
  Object.keys(hard ?? {}).filter(
    (name) => (COUNTED.has(name) || /^(requests\.)?hugepages-/.test(name)) && SCOPED[scope]?.includes(name) === false,
  );

const EXISTS = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];

const hardProblems = (amounts: Amounts | undefined, path: string): Cause[] =>
  Object.entries(amounts ?? {}).flatMap(([name, amount]) => [
    ...quotaResourceName(name, `${path}[${name}]`),
    ...amountProblems(name, amount, `${path}[${name}]`),
  ]);

export const resourceQuota: Strategy = {
  validate({ spec = {} }) {
    const causes = hardProblems(spec.hard, 'spec.hard');
    const misapplied = 'unsupported scope applied to resource';
    const scopes: string[] = spec.scopes ?? [];
    for (const scope of scopes) {
      if (!SCOPES.includes(scope)) causes.push(field.invalid('spec.scopes', scopes, 'unsupported scope'));
      causes.push(...outOfScope(scope, spec.hard).map(() => field.invalid('spec.scopes', scopes, misapplied)));
    }
    for (const pair of APART)
      if (pair.every((s) => scopes.includes(s))) causes.push(field.invalid('spec.scopes', scopes, 'conflicting scopes'));
    for (const e of spec.scopeSelector?.matchExpressions ?? []) {
      const at = 'spec.scopeSelector.matchExpressions';
      if (!SCOPES.includes(e.scopeName)) causes.push(field.invalid(`${at}.scopeName`, e.scopeName ?? '', 'unsupported scope'));
      causes.push(...outOfScope(e.scopeName, spec.hard).map(() => field.invalid(at, spec.scopeSelector, misapplied)));
      if (EXISTS.includes(e.scopeName) && e.operator !== 'Exists')
        causes.push(
          field.invalid(
            `${at}.operator`,
            e.operator ?? '',
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
          ),
        );
      if (['In', 'NotIn'].includes(e.operator)) {
        if (!e.values?.length)
          causes.push(field.required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
      } else if (['Exists', 'DoesNotExist'].includes(e.operator)) {
        if (e.values?.length)
          causes.push(
            field.invalid(`${at}.values`, e.values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
          );
      } else causes.push(field.invalid(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'));
    }
    return causes;
  },
  validateStatus: ({ status = {} }) => [...hardProblems(status.hard, 'status.hard'), ...hardProblems(status.used, 'status.used')],
  validateUpdate: ({ spec = {} }, old) =>
    equal([...(spec.scopes ?? [])].sort(), [...(old['spec']?.scopes ?? [])].sort())
      ? []
      : [field.invalid('spec.scopes', spec.scopes ?? null, 'field is immutable')],
};
