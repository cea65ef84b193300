import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, labelKey, type Check } from '../names.ts';
import { checked, dataKey, subdomain } from './checks.ts';
import { noBacksteps } from './mounts.ts';

/* Checks of a container's environment, and of the references to a pod's own fields that environment and volumes share. */

const variable: Check = (name) =>
  /[^ -~]|=/.test(name) ? ["a valid environment variable name must consist only of printable ASCII characters other than '='"] : [];

const OF_ENV = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const OF_VOLUMES = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];

/** Fields that a pod has for its containers, by whatever way. */
const KNOWN = new Set([...OF_ENV, ...OF_VOLUMES, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase']);

/** What is wrong with a reference to a field of the pod itself. */
export function fieldRefProblems(ref: JsonObject, allowed: readonly string[], path: string): Cause[] {
  const name: string = ref['fieldPath'] ?? '';
  if (!name) return [field.required(`${path}.fieldPath`)];
  const [, of, key] = /^(.*)\['(.*)'\]$/.exec(name) ?? [];
  if (of === 'metadata.annotations') return checked(key!.toLowerCase(), path, labelKey);
  if (of === 'metadata.labels') return checked(key, path, labelKey);
  if (of !== undefined || !KNOWN.has(name) || ref['apiVersion'] !== 'v1')
    return [field.invalid(`${path}.fieldPath`, name, `error converting fieldPath: field label not supported: ${name}`)];
  return allowed.includes(name) ? [] : [field.notSupported(`${path}.fieldPath`, name, allowed)];
}

const RESOURCES = ['cpu', 'ephemeral-storage', 'memory'].flatMap((r) => [`limits.${r}`, `requests.${r}`]).sort();
const BYTES = ['1', ...['k', 'M', 'G', 'T', 'P', 'E'].flatMap((u) => [`1${u}`, u === 'k' ? '1Ki' : `1${u}i`])];

/** What is wrong with a reference to the resources of a container. */
export function resourceRefProblems(ref: JsonObject, path: string, inVolume: boolean): Cause[] {
  const causes: Cause[] = [];
  const name: string = ref['resource'] ?? '';
  const huge = /^(limits|requests)\.hugepages-/.test(name);
  if (inVolume && !ref['containerName']) causes.push(field.required(`${path}.containerName`));
  else if (!name) causes.push(field.required(`${path}.resource`));
  else if (!RESOURCES.includes(name) && !huge) causes.push(field.notSupported(`${path}.resource`, name, RESOURCES));
  const divisor = String(ref['divisor'] ?? '0');
  const units = name.endsWith('.cpu') ? ['1m', '1'] : RESOURCES.includes(name) || huge ? BYTES : undefined;
  if (divisor !== '0' && units && !units.includes(divisor))
    causes.push(field.invalid(`${path}.divisor`, name, `only divisor's values ${units.join(', ')} are supported with this resource`));
  return causes;
}

const SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

function valueProblems(e: JsonObject, path: string): Cause[] {
  const from: JsonObject | undefined = e['valueFrom'];
  if (!from) return [];
  const causes: Cause[] = [];
  if (from['fieldRef']) causes.push(...fieldRefProblems(from['fieldRef'], OF_ENV, `${path}.fieldRef`));
  if (from['resourceFieldRef']) causes.push(...resourceRefProblems(from['resourceFieldRef'], `${path}.resourceFieldRef`, false));
  for (const key of ['configMapKeyRef', 'secretKeyRef']) {
    if (!from[key]) continue;
    causes.push(...checked(from[key].name, `${path}.${key}.name`, dnsSubdomain));
    if (!from[key].key) causes.push(field.required(`${path}.${key}.key`));
    else causes.push(...checked(from[key].key, `${path}.${key}.key`, dataKey));
  }
  const file: JsonObject | undefined = from['fileKeyRef'];
  if (file) {
    const at = `${path}.fileKeyRef`;
    causes.push(
      ...(file['key'] ? checked(file['key'], `${at}.key`, variable) : [field.required(`${at}.key`)]),
      ...(file['volumeName'] ? checked(file['volumeName'], `${at}.volumeName`, dnsLabel) : [field.required(`${at}.volumeName`)]),
      ...(file['path'] ? noBacksteps(file['path'], `${at}.path`) : [field.required(`${at}.path`)]),
    );
  }
  const count = SOURCES.filter((k) => from[k]).length;
  if (!count)
    causes.push(
      field.invalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'),
    );
  else if (e['value']) causes.push(field.invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (count > 1) causes.push(field.invalid(path, '', 'may not have more than one field specified at a time'));
  return causes;
}

/** What is wrong with the volumes that variables are read from. */
export const fileVolumeProblems = (spec: JsonObject, path: string): Cause[] =>
  ['initContainers', 'containers', 'ephemeralContainers'].flatMap((kind) =>
    ((spec[kind] ?? []) as JsonObject[]).flatMap((c, i) =>
      ((c['env'] ?? []) as JsonObject[]).flatMap((e, j) => {
        const file: JsonObject | undefined = e['valueFrom']?.fileKeyRef;
        if (!file) return [];
        const at = `${path}.${kind}[${i}].env[${j}].valueFrom.fileKeyRef.volumeName`;
        const name: string = file['volumeName'] ?? '';
        const volume = (spec['volumes'] ?? []).find((v: JsonObject) => v['name'] === name);
        if (!volume) return [{ reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(name)}`, field: at }];
        return volume.emptyDir ? [] : [field.invalid(at, name, 'referenced volume must be of type emptyDir')];
      }),
    ),
  );

/** What is wrong with the environment of a container. */
export function envProblems(c: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const [i, e] of (c['env'] ?? []).entries()) {
    const at = `${path}.env[${i}]`;
    if (!e.name) causes.push(field.required(`${at}.name`));
    else causes.push(...checked(e.name, `${at}.name`, variable));
    causes.push(...valueProblems(e, `${at}.valueFrom`));
  }
  for (const [i, e] of (c['envFrom'] ?? []).entries()) {
    const at = `${path}.envFrom[${i}]`;
    if (e.prefix) causes.push(...checked(e.prefix, `${at}.prefix`, variable));
    for (const key of ['configMapRef', 'secretRef']) {
      if (!e[key]) continue;
      if (!e[key].name) causes.push(field.required(`${at}.${key}.name`));
      else causes.push(...subdomain(e[key].name, `${at}.${key}.name`));
    }
    // Kubernetes tells of these without saying which.
    const all = `${path}.envFrom`;
    if (!e.configMapRef && !e.secretRef) causes.push(field.invalid(all, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (e.configMapRef && e.secretRef) causes.push(field.invalid(all, '', 'may not have more than one field specified at a time'));
  }
  return causes;
}
