import { isIPv4, isIPv6 } from 'node:net';
import { field, type Cause } from '../../http/errors.ts';
import { isObject, type JsonObject } from '../../schema/schema.ts';
import { dnsSubdomain, labelKey, labelValue, type Check } from '../names.ts';

/* Checks that several kinds share, worded as Kubernetes words them. Each gives what is wrong, and nothing where the value is absent. */

export const numbers = {
  /** Fields of `object` that may not be negative. */
  notNegative: (object: JsonObject | undefined, path: string, ...keys: string[]): Cause[] =>
    keys
      .filter((k) => typeof object?.[k] === 'number' && object[k] < 0)
      .map((k) => field.invalid(`${path}.${k}`, object![k], 'must be greater than or equal to 0')),
  port: (value: unknown, path: string): Cause[] =>
    typeof value === 'number' && (value < 1 || value > 65535) ? [field.invalid(path, value, 'must be between 1 and 65535, inclusive')] : [],
};

export const oneOf = (value: unknown, path: string, allowed: readonly string[]): Cause[] =>
  value === undefined || allowed.includes(String(value)) ? [] : [field.notSupported(path, value, allowed)];

/** What is wrong with a text that must be there. */
export const checked = (value: unknown, path: string, check: Check): Cause[] =>
  check(String(value ?? '')).map((problem) => field.invalid(path, value ?? '', problem));

/** What is wrong with a text, if there is one. */
export const named = (value: unknown, path: string, check: Check): Cause[] =>
  typeof value === 'string' && value ? checked(value, path, check) : [];

export const wanted = (object: JsonObject | undefined, path: string, ...keys: string[]): Cause[] =>
  keys.filter((k) => (object?.[k] ?? '') === '' || object?.[k]?.length === 0).map((k) => field.required(`${path}.${k}`));

/** Names of ports (IANA_SVC_NAME, RFC 6335). */
export const portName: Check = (name) => [
  ...(name.length > 15 ? ['must be no more than 15 characters'] : []),
  ...(/^[-a-z0-9]+$/.test(name) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
  ...(/[a-z]/.test(name) ? [] : ['must contain at least one letter (a-z)']),
  ...(name.includes('--') ? ['must not contain consecutive hyphens'] : []),
  ...(/^-|-$/.test(name) ? ['must not begin or end with a hyphen'] : []),
];

/** A port by number or name; one that is not there is 0. */
export const portOrName = (value: unknown, path: string): Cause[] =>
  typeof value === 'string' ? checked(value, path, portName) : numbers.port(value ?? 0, path);

export function labelProblems(labels: unknown, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(isObject(labels) ? labels : {})) {
    causes.push(...checked(key, path, labelKey), ...checked(String(value), path, labelValue));
  }
  return causes;
}

/** What is wrong with a LabelSelector. */
export function selectorProblems(selector: JsonObject | undefined, path: string): Cause[] {
  const causes = labelProblems(selector?.['matchLabels'], `${path}.matchLabels`);
  for (const [i, e] of (selector?.['matchExpressions'] ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    switch (e.operator) {
      case 'In':
      case 'NotIn':
        if (!e.values?.length) causes.push(field.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (e.values?.length)
          causes.push(field.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        break;
      default:
        causes.push(field.invalid(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'));
    }
    causes.push(...checked(e.key, `${at}.key`, labelKey));
    for (const [j, v] of (e.values ?? []).entries()) causes.push(...checked(v, `${at}.values[${j}]`, labelValue));
  }
  return causes;
}

/** A number, or a percentage such as "25%". */
export function intOrPercent(value: unknown, path: string): Cause[] {
  if (typeof value === 'number') return value < 0 ? [field.invalid(path, value, 'must be greater than or equal to 0')] : [];
  if (typeof value !== 'string' || /^\d+%$/.test(value)) return [];
  return [
    field.invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

/** A text that is no percentage counts for nothing, too. */
export const isZero = (value: unknown): boolean =>
  value === 0 || value === undefined || (typeof value === 'string' && (!/^\d+%$/.test(value) || /^0+%$/.test(value)));
export const overWhole = (value: unknown, path: string): Cause[] =>
  typeof value === 'string' && Number.parseInt(value, 10) > 100 ? [field.invalid(path, value, 'must not be greater than 100%')] : [];

export const ip: Check = (text) => (isIPv4(text) || isIPv6(text) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']);

export const cidr: Check = (text) => {
  const [ip, bits, ...rest] = text.split('/');
  const good =
    rest.length === 0 &&
    ip &&
    /^(0|[1-9]\d{0,2})$/.test(bits ?? '') &&
    ((isIPv4(ip) && Number(bits) <= 32) || (isIPv6(ip) && Number(bits) <= 128));
  return good ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
};

/** Keeps a field and the list that it is the first of as one; the field wins. */
export function firstOf(object: JsonObject, one: string, many: string, wrap: (value: unknown) => unknown = (v) => v): void {
  const first: unknown = object[many]?.[0];
  const value: unknown = first === undefined ? undefined : isObject(first) ? Object.values(first)[0] : first;
  if (object[one] && object[one] !== value) object[many] = [wrap(object[one])];
  else if (value) object[one] = value;
}

/** Data keys of ConfigMaps and Secrets. */
export const dataKey: Check = (key) => [
  ...(key.length > 253 ? ['must be no more than 253 characters'] : []),
  ...(/^[-._a-zA-Z0-9]+$/.test(key)
    ? []
    : [
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ]),
  ...(key === '.' || key === '..' ? [`must not be '${key}'`] : key.startsWith('..') ? ["must not start with '..'"] : []),
];

export const subdomain = (value: unknown, path: string): Cause[] => named(value, path, dnsSubdomain);

/** What is wrong with conditions of the common type (meta/v1 Condition). */
export const conditionProblems = (conditions: JsonObject[] | undefined, path: string): Cause[] =>
  (conditions ?? []).flatMap((c, i) => {
    const at = `${path}[${i}]`;
    const causes = checked(c['type'], `${at}.type`, labelKey);
    if (conditions!.findIndex((o) => o['type'] === c['type']) < i) causes.push(field.duplicate(`${at}.type`, c['type'] ?? ''));
    causes.push(
      ...oneOf(c['status'] ?? '', `${at}.status`, ['False', 'True', 'Unknown']),
      ...numbers.notNegative(c, at, 'observedGeneration'),
    );
    if (!c['lastTransitionTime']) causes.push(field.required(`${at}.lastTransitionTime`));
    if (!c['reason']) causes.push(field.required(`${at}.reason`));
    else if (!/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(c['reason']))
      causes.push(
        field.invalid(
          `${at}.reason`,
          c['reason'],
          "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
        ),
      );
    return causes;
  });

export const blank = (text: unknown): boolean => String(text ?? '').trim() === '';

/** What is wrong with the conditions under which a policy or a webhook is asked. */
export function matchConditionProblems(conditions: JsonObject[] | undefined, path: string): Cause[] {
  const all = conditions ?? [];
  return [
    ...(all.length > 64 ? [field.tooMany(path, all.length, 64)] : []),
    ...all.flatMap((c, i) => [
      ...(blank(c['expression']) ? [field.required(`${path}[${i}].expression`)] : []),
      ...(c['name'] ? checked(c['name'], `${path}[${i}].name`, labelKey) : [field.required(`${path}[${i}].name`)]),
      ...(c['name'] && all.findIndex((o) => o['name'] === c['name']) < i ? [field.duplicate(`${path}[${i}].name`, c['name'])] : []),
    ]),
  ];
}
