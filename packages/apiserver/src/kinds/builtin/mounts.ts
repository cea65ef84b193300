import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { oneOf } from './checks.ts';

/* Checks of what a container mounts, and of paths. `volumes` are those of the pod that are right, by name. */

export const noBacksteps = (value: string, path: string): Cause[] =>
  value.split('/').includes('..') ? [field.invalid(path, value, "must not contain '..'")] : [];

/** What is wrong with a path that has to stay below where it begins. */
export const descending = (value: string, path: string): Cause[] => [
  ...(value.startsWith('/') ? [field.invalid(path, value, 'must be a relative path')] : []),
  ...noBacksteps(value, path),
];

/** The same of one that may not look like what kubelets keep for themselves. */
export const notReserved = (value: string, path: string): Cause[] => [
  ...descending(value, path),
  ...(value.startsWith('..') && value !== '..' && !value.startsWith('../') ? [field.invalid(path, value, "must not start with '..'")] : []),
];

export type Volumes = ReadonlyMap<string, JsonObject>;

const notFound = (path: string, name: unknown): Cause => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${JSON.stringify(name)}`,
  field: path,
});

/** What is wrong with the mounts of a container. */
export function mountProblems(c: JsonObject, path: string, volumes: Volumes): Cause[] {
  const causes: Cause[] = [];
  const all = `${path}.volumeMounts`;
  const devices: JsonObject[] = c['volumeDevices'] ?? [];
  const paths = new Set<string>();
  for (const [i, m] of (c['volumeMounts'] ?? []).entries()) {
    const at = `${all}[${i}]`;
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = m;
    if (!name) causes.push(field.required(`${at}.name`));
    if (!volumes.has(name)) causes.push(notFound(`${at}.name`, name));
    if (!mountPath) causes.push(field.required(`${at}.mountPath`));
    if (paths.has(mountPath)) causes.push(field.invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (devices.some((d) => d['name'] === name)) causes.push(field.invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    if (devices.some((d) => d['devicePath'] === mountPath))
      causes.push(field.invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    if (volumes.get(name)?.['image'])
      for (const [key, value] of Object.entries({ subPath, subPathExpr }))
        if (value) causes.push(field.invalid(`${at}.${key}`, value, 'not allowed in image volume sources'));
    // Kubernetes tells of these without saying which mount it is.
    causes.push(...descending(subPath, `${all}.subPath`));
    if (subPathExpr && subPath)
      causes.push(field.invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    causes.push(...descending(subPathExpr, `${all}.subPathExpr`));
    causes.push(...oneOf(m.mountPropagation, `${all}.mountPropagation`, ['Bidirectional', 'HostToContainer', 'None']));
    if (m.mountPropagation === 'Bidirectional' && !c['securityContext']?.privileged)
      causes.push(field.forbidden(`${all}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'));
    causes.push(...recursiveProblems(m, `${all}.recursiveReadOnly`));
  }
  return causes;
}

function recursiveProblems(m: JsonObject, path: string): Cause[] {
  const mode: unknown = m['recursiveReadOnly'];
  const causes = oneOf(mode, path, ['Disabled', 'Enabled', 'IfPossible']);
  if (mode !== 'Enabled' && mode !== 'IfPossible') return causes;
  if (!m['readOnly']) causes.push(field.forbidden(path, 'may only be specified when readOnly is true'));
  if (m['mountPropagation'] !== undefined && m['mountPropagation'] !== 'None')
    causes.push(field.forbidden(path, 'may only be specified when mountPropagation is None or not specified'));
  return causes;
}

/** What is wrong with the block devices of a container. */
export function deviceProblems(c: JsonObject, path: string, volumes: Volumes): Cause[] {
  const causes: Cause[] = [];
  const mounts: JsonObject[] = c['volumeMounts'] ?? [];
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [i, d] of (c['volumeDevices'] ?? []).entries()) {
    const at = `${path}.volumeDevices[${i}]`;
    const { name = '', devicePath = '' } = d;
    const volume = volumes.get(name);
    if (!name) causes.push(field.required(`${at}.name`));
    if (names.has(name)) causes.push(field.invalid(`${at}.name`, name, 'must be unique'));
    if (volume && !volume['persistentVolumeClaim'] && !volume['ephemeral'])
      causes.push(
        field.invalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'),
      );
    if (!volume) causes.push(notFound(`${at}.name`, name));
    if (!devicePath) causes.push(field.required(`${at}.devicePath`));
    if (paths.has(devicePath)) causes.push(field.invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (noBacksteps(devicePath, '').length) causes.push(field.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    else paths.add(devicePath);
    if (mounts.some((m) => m['name'] === name)) causes.push(field.invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    if (mounts.some((m) => m['mountPath'] === devicePath))
      causes.push(field.invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    if (name) names.add(name);
  }
  return causes;
}
