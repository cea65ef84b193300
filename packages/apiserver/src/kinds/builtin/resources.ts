import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { labelKey } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import { checked } from './checks.ts';

/* Names and amounts of resources. */

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];
const COUNTED = ['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps', 'persistentvolumeclaims'];
const QUOTA = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((r) => [`requests.${r}`, `limits.${r}`]),
  ...COUNTED,
  'requests.storage',
  'services.nodeports',
  'services.loadbalancers',
]);
const isHuge = (name: string): boolean => name.startsWith('hugepages-');
const isStandard = (name: string): boolean =>
  QUOTA.has(name) || name === 'storage' || isHuge(name) || name.startsWith('requests.hugepages-');
const isNative = (name: string): boolean => !name.includes('/') || name.split('/')[0]!.endsWith('kubernetes.io');
const isWhole = (name: string): boolean =>
  COUNTED.includes(name) || name === 'services.nodeports' || name === 'services.loadbalancers' || !isNative(name);

/** Whether more of it may be requested than there is: not of huge pages and devices. */
export const isOvercommitted = (name: string): boolean => isNative(name) && !isHuge(name);

export function resourceName(name: string, path: string): Cause[] {
  const causes = checked(name, path, labelKey);
  if (causes.length || name.includes('/') || isStandard(name)) return causes;
  return [field.invalid(path, name, 'must be a standard resource type or fully qualified')];
}

export function containerResourceName(name: string, path: string): Cause[] {
  const causes = resourceName(name, path);
  if (!name.includes('/')) {
    if (!COMPUTE.includes(name) && !isHuge(name)) causes.push(field.invalid(path, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && name.startsWith('requests.'))
    causes.push(field.invalid(path, name, "doesn't follow extended resource name standard"));
  return causes;
}

export function quotaResourceName(name: string, path: string): Cause[] {
  const causes = resourceName(name, path);
  if (!name.includes('/') && !QUOTA.has(name) && !name.startsWith('requests.hugepages-') && !isHuge(name))
    causes.push(field.invalid(path, name, 'must be a standard resource for quota'));
  return causes;
}

export function amountProblems(name: string, amount: unknown, path: string): Cause[] {
  const causes: Cause[] = [];
  if (quantityValue(amount) < 0) causes.push(field.invalid(path, amount, 'must be greater than or equal to 0'));
  if (isWhole(name) && !Number.isInteger(quantityValue(amount))) causes.push(field.invalid(path, amount, 'must be an integer'));
  return causes;
}

/** What is wrong with limits and requests. */
export function resourceProblems(resources: JsonObject, path: string, claims: ReadonlySet<string> = new Set()): Cause[] {
  const causes: Cause[] = [];
  const { limits = {}, requests = {} } = resources as { limits?: JsonObject; requests?: JsonObject };
  const amount = (name: string, value: unknown, at: string): void => {
    causes.push(...containerResourceName(name, at), ...amountProblems(name, value, at));
    if (isHuge(name) && quantityValue(value) % quantityValue(name.slice('hugepages-'.length)) > 0)
      causes.push(field.invalid(at, value, `${name} is not positive integer multiple of ${name.slice('hugepages-'.length)}`));
  };
  for (const [name, value] of Object.entries(limits)) amount(name, value, `${path}.limits[${name}]`);
  for (const [name, asked] of Object.entries(requests)) {
    amount(name, asked, `${path}.requests[${name}]`);
    if (limits[name] === undefined) {
      if (!isOvercommitted(name)) causes.push(field.required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
    } else if (!isOvercommitted(name) && quantityValue(asked) !== quantityValue(limits[name])) {
      causes.push(field.invalid(`${path}.requests`, asked, `must be equal to ${name} limit of ${limits[name]}`));
    } else if (quantityValue(asked) > quantityValue(limits[name])) {
      causes.push(field.invalid(`${path}.requests`, asked, `must be less than or equal to ${name} limit of ${limits[name]}`));
    }
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHuge) && !names.includes('cpu') && !names.includes('memory'))
    causes.push(field.forbidden(path, 'HugePages require cpu or memory'));
  const seen = new Set<string>();
  for (const [i, c] of (resources['claims'] ?? []).entries()) {
    const at = `${path}.claims[${i}]`;
    const id = c.request ? `${c.name}/${c.request}` : c.name;
    if (!c.name) causes.push(field.required(at));
    else if (seen.has(id)) causes.push(field.duplicate(at, id));
    else if (!claims.has(c.name)) causes.push({ reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(c.name)}`, field: at });
    seen.add(id);
  }
  return causes;
}
