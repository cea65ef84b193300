import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, pathSegment } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import type { Strategy } from '../resource.ts';
import { checked, named, numbers, oneOf, wanted } from './checks.ts';

/** Metric sources by their types, and the targets that each may have. */
const SOURCES: Record<string, string> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
/** Sources in the order in which the first one counts. */
const LOOKED_AT = ['object', 'external', 'pods', 'resource', 'containerResource'];
const PERCENT = { type: 'Percent', value: 100, periodSeconds: 15 };

function targetProblems(target: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  if (!target['type']) causes.push(field.required(`${path}.type`, 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(target['type']))
    causes.push(field.invalid(`${path}.type`, target['type'] ?? '', 'must be either Utilization, Value, or AverageValue'));
  for (const key of ['value', 'averageValue'])
    if (target[key] !== undefined && !(quantityValue(target[key]) > 0))
      causes.push(field.invalid(`${path}.${key}`, target[key], 'must be positive'));
  if (target['averageUtilization'] < 1)
    causes.push(field.invalid(`${path}.averageUtilization`, target['averageUtilization'], 'must be greater than 0'));
  return causes;
}

/** What is wrong with a source, beside its target's own fields. */
function sourceProblems(key: string, source: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const { value, averageValue, averageUtilization } = (source['target'] ?? {}) as JsonObject;
  if (key === 'object') causes.push(...targetRefProblems(source['describedObject'] ?? {}, `${path}.describedObject`, false));
  if (key === 'resource' || key === 'containerResource') {
    if (!source['name']) causes.push(field.required(`${path}.name`, 'must specify a resource name'));
    if (key === 'containerResource')
      causes.push(
        ...(source['container']
          ? checked(source['container'], `${path}.container`, dnsLabel)
          : [field.required(`${path}.container`, 'must specify a container')]),
      );
    if (averageUtilization === undefined && averageValue === undefined)
      causes.push(field.required(`${path}.target.averageUtilization`, 'must set either a target raw value or a target utilization'));
    if (averageUtilization !== undefined && averageValue !== undefined)
      causes.push(field.forbidden(`${path}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
  } else {
    const name: unknown = source['metric']?.name;
    causes.push(
      ...(name ? checked(name, `${path}.metric.name`, pathSegment) : [field.required(`${path}.metric.name`, 'must specify a metric name')]),
    );
    const missing: Record<string, string> = {
      object: 'must set either a target value or averageValue',
      external: 'must set either a target value for metric or a per-pod target',
      pods: 'must specify a positive target averageValue',
    };
    if (averageValue === undefined && (key === 'pods' || value === undefined))
      causes.push(field.required(`${path}.target.averageValue`, missing[key]));
    if (key === 'external' && value !== undefined && averageValue !== undefined)
      causes.push(field.forbidden(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target'));
  }
  return [...causes, ...targetProblems(source['target'] ?? {}, `${path}.target`)];
}

function metricProblems(metric: JsonObject, path: string): Cause[] {
  const type: string = metric['type'] ?? '';
  const causes: Cause[] = type ? [] : [field.required(`${path}.type`, 'must specify a metric source type')];
  // Kubernetes says it twice.
  const unknown = oneOf(type, `${path}.type`, Object.keys(SOURCES));
  causes.push(...unknown, ...unknown);
  const present = LOOKED_AT.filter((key) => metric[key]);
  const source = SOURCES[type];
  if (present[0]) causes.push(...sourceProblems(present[0], metric[present[0]], `${path}.${present[0]}`));
  if (source && !metric[source]) causes.push(field.required(`${path}.${source}`, 'must populate information for the given metric source'));
  if (present.length > 1)
    for (const key of present)
      if (key !== source) causes.push(field.forbidden(`${path}.${key}`, 'must populate the given metric source only'));
  return causes;
}

function rulesProblems(rules: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules;
  if (window < 0) causes.push(field.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  if (window > 3600) causes.push(field.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600'));
  causes.push(...oneOf(selectPolicy, `${path}.selectPolicy`, ['Disabled', 'Max', 'Min']));
  if (!policies.length) causes.push(field.required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [i, p] of (policies as JsonObject[]).entries()) {
    causes.push(...oneOf(p['type'], `${path}.policies[${i}].type`, ['Percent', 'Pods']));
    for (const key of ['value', 'periodSeconds'])
      if (!(p[key] > 0)) causes.push(field.invalid(`${path}.policies[${i}].${key}`, p[key] ?? 0, 'must be greater than zero'));
    if (p['periodSeconds'] > 1800)
      causes.push(field.invalid(`${path}.policies[${i}].periodSeconds`, p['periodSeconds'], 'must be less than or equal to 1800'));
  }
  if (rules['tolerance'] !== undefined && quantityValue(rules['tolerance']) < 0)
    causes.push(field.invalid(`${path}.tolerance`, rules['tolerance'], 'must be greater than or equal to 0'));
  return causes;
}

function targetRefProblems(ref: JsonObject, path: string, scaled = true): Cause[] {
  const causes: Cause[] = [];
  for (const key of ['kind', 'name']) causes.push(...wanted(ref, path, key), ...named(ref[key], `${path}.${key}`, pathSegment));
  const version: string = ref['apiVersion'] ?? '';
  if (version.split('/').length > 2)
    causes.push(field.invalid(`${path}.apiVersion`, version, `unexpected GroupVersion string: ${version}`));
  else if (scaled && !version.includes('/') && ref['kind'] !== 'ReplicationController')
    causes.push(field.invalid(`${path}.apiVersion`, version, 'apiVersion must specify API group'));
  return causes;
}

export const podAutoscaler: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['minReplicas'] ??= 1;
    // The older version says it in a field of its own.
    if (object['apiVersion'] === 'autoscaling/v1') spec['targetCPUUtilizationPercentage'] ??= 80;
    else if (!spec['metrics']?.length && spec['targetCPUUtilizationPercentage'] === undefined)
      spec['metrics'] = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }];
    const behavior: JsonObject | undefined = spec['behavior'];
    if (!behavior) return;
    const up: JsonObject = (behavior['scaleUp'] ??= {});
    up['stabilizationWindowSeconds'] ??= 0;
    up['selectPolicy'] ??= 'Max';
    up['policies'] ??= [{ type: 'Pods', value: 4, periodSeconds: 15 }, { ...PERCENT }];
    const down: JsonObject = (behavior['scaleDown'] ??= {});
    down['selectPolicy'] ??= 'Max';
    down['policies'] ??= [{ ...PERCENT }];
  },
  validate({ spec }) {
    const causes: Cause[] = [];
    const { minReplicas, maxReplicas = 0 } = spec;
    if (minReplicas < 1) causes.push(field.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
    if (maxReplicas < 1) causes.push(field.required('spec.maxReplicas', 'must be set and greater than 0'));
    if (maxReplicas < minReplicas)
      causes.push(field.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
    causes.push(...targetRefProblems(spec.scaleTargetRef ?? {}, 'spec.scaleTargetRef'));
    const metrics: JsonObject[] = spec.metrics ?? [];
    for (const [i, m] of metrics.entries()) causes.push(...metricProblems(m, `spec.metrics[${i}]`));
    if (minReplicas === 0 && !metrics.some((m) => m['type'] === 'Object' || m['type'] === 'External'))
      causes.push(
        field.forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'),
      );
    for (const key of ['scaleUp', 'scaleDown'])
      if (spec.behavior?.[key]) causes.push(...rulesProblems(spec.behavior[key], `spec.behavior.${key}`));
    return causes;
  },
  validateStatus: ({ status = {} }) => numbers.notNegative(status, 'status', 'currentReplicas', 'desiredReplicas'),
};
