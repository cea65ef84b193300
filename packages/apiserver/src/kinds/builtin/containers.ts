import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel } from '../names.ts';
import { checked, numbers, oneOf, portName, portOrName } from './checks.ts';
import { envProblems } from './env.ts';
import { descending, deviceProblems, mountProblems, type Volumes } from './mounts.ts';
import { resourceProblems } from './resources.ts';
import { restartRuleProblems } from './restarts.ts';
import { windowsProblems } from './windows.ts';

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];

function handlerProblems(h: JsonObject, path: string, grace: number): Cause[] {
  const causes: Cause[] = [];
  const found = HANDLERS.filter((k) => h[k] !== undefined);
  if (!found.length) causes.push(field.required(path, 'must specify a handler type'));
  for (const more of found.slice(1)) causes.push(field.forbidden(`${path}.${more}`, 'may not specify more than 1 handler type'));
  switch (found[0]) {
    case 'exec':
      if (!h['exec'].command?.length) causes.push(field.required(`${path}.exec.command`));
      break;
    case 'httpGet':
      causes.push(
        ...portOrName(h['httpGet'].port ?? 0, `${path}.httpGet.port`),
        ...oneOf(h['httpGet'].scheme, `${path}.httpGet.scheme`, ['HTTP', 'HTTPS']),
      );
      for (const header of h['httpGet'].httpHeaders ?? [])
        if (!/^[-A-Za-z0-9]+$/.test(header.name ?? ''))
          causes.push(
            field.invalid(
              `${path}.httpGet.httpHeaders`,
              header.name ?? '',
              "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ),
          );
      break;
    case 'tcpSocket':
      causes.push(...portOrName(h['tcpSocket'].port ?? 0, `${path}.tcpSocket.port`));
      break;
    case 'grpc':
      causes.push(...numbers.port(h['grpc'].port ?? 0, `${path}.grpc.port`));
      break;
    case 'sleep': {
      const seconds: number = h['sleep'].seconds ?? 0;
      if (seconds < 0 || seconds > grace)
        causes.push(field.invalid(`${path}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`));
    }
  }
  return causes;
}

function probeProblems(p: JsonObject | undefined, path: string, once: boolean): Cause[] {
  if (!p) return [];
  const causes = handlerProblems(p, path, 0);
  causes.push(
    ...numbers.notNegative(p, path, 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'),
  );
  if (once && p['successThreshold'] !== 1) causes.push(field.invalid(`${path}.successThreshold`, p['successThreshold'], 'must be 1'));
  const grace: unknown = p['terminationGracePeriodSeconds'];
  if (!once && grace !== undefined)
    causes.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  if (typeof grace === 'number' && grace <= 0)
    causes.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  return causes;
}

/** What is wrong with the parts of a securityContext that pods and containers share. */
export function securityProblems(s: JsonObject | undefined, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const key of ['runAsUser', 'runAsGroup', 'fsGroup'])
    if (typeof s?.[key] === 'number' && (s[key] < 0 || s[key] > 2 ** 31 - 1))
      causes.push(field.invalid(`${path}.${key}`, s[key], 'must be between 0 and 2147483647, inclusive'));
  for (const key of ['seccompProfile', 'appArmorProfile']) {
    const profile: JsonObject | undefined = s?.[key];
    if (!profile) continue;
    const { type, localhostProfile } = profile;
    const at = `${path}.${key}`;
    const what = key === 'seccompProfile' ? 'seccomp' : 'AppArmor';
    if (!type) causes.push(field.required(`${at}.type`, `type is required when ${key} is set`));
    else causes.push(...oneOf(type, `${at}.type`, ['Localhost', 'RuntimeDefault', 'Unconfined']));
    if (type !== 'Localhost') {
      // Of AppArmor Kubernetes looks at the name only beside a type that it knows.
      if (localhostProfile !== undefined && (key === 'seccompProfile' || ['RuntimeDefault', 'Unconfined'].includes(type)))
        causes.push(field.invalid(`${at}.localhostProfile`, localhostProfile, `can only be set when ${what} type is Localhost`));
    } else if (localhostProfile === undefined)
      causes.push(field.required(`${at}.localhostProfile`, `must be set when ${what} type is Localhost`));
    else if (key === 'seccompProfile') causes.push(...descending(localhostProfile, `${at}.localhostProfile`));
    else if (localhostProfile !== localhostProfile.trim())
      causes.push(field.invalid(`${at}.localhostProfile`, localhostProfile, 'must not be padded with whitespace'));
    else if (!localhostProfile) causes.push(field.required(`${at}.localhostProfile`, `must be set when ${what} type is Localhost`));
  }
  return [...causes, ...windowsProblems(s?.['windowsOptions'], `${path}.windowsOptions`)];
}

function portProblems(c: JsonObject, path: string, hostPorts: Set<string>): Cause[] {
  const causes: Cause[] = [];
  const names = new Set<string>();
  for (const [i, p] of (c['ports'] ?? []).entries()) {
    const at = `${path}.ports[${i}]`;
    const bad = p.name ? checked(p.name, `${at}.name`, portName) : [];
    causes.push(...bad);
    if (p.name && !bad.length && names.has(p.name)) causes.push(field.duplicate(`${at}.name`, p.name));
    names.add(p.name);
    if (!p.containerPort) causes.push(field.required(`${at}.containerPort`));
    else causes.push(...numbers.port(p.containerPort, `${at}.containerPort`));
    if (p.hostPort) {
      causes.push(...numbers.port(p.hostPort, `${at}.hostPort`));
      const id = `${p.protocol}/${p.hostIP ?? ''}/${p.hostPort}`;
      if (hostPorts.has(id)) causes.push(field.duplicate(`${at}.hostPort`, id));
      hostPorts.add(id);
    }
    causes.push(...oneOf(p.protocol, `${at}.protocol`, ['SCTP', 'TCP', 'UDP']));
  }
  return causes;
}

function resizeProblems(policies: JsonObject[] | undefined, path: string, restart: unknown): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<unknown>();
  for (const [i, { resourceName, restartPolicy }] of (policies ?? []).entries()) {
    if (seen.has(resourceName)) causes.push(field.duplicate(`${path}[${i}]`, resourceName));
    seen.add(resourceName);
    if (!resourceName) causes.push(field.required(path));
    else causes.push(...oneOf(resourceName, path, ['cpu', 'memory']));
    if (!restartPolicy) causes.push(field.required(path));
    else causes.push(...oneOf(restartPolicy, path, ['NotRequired', 'RestartContainer']));
    if (restart === 'Never' && restartPolicy !== 'NotRequired')
      causes.push(field.invalid(path, restartPolicy ?? '', "must be 'NotRequired' when `restartPolicy` is 'Never'"));
  }
  return causes;
}

/** What a container is checked against. */
export interface Surroundings {
  kind: 'containers' | 'initContainers' | 'ephemeralContainers';
  /** Names of the containers before it; gets its own. */
  names: Set<string>;
  /** Ports of the node that those have; gets its own. */
  hostPorts: Set<string>;
  volumes: Volumes;
  /** Names of the pod's resource claims. */
  claims: ReadonlySet<string>;
  pod: JsonObject;
}

/** What is wrong with one container. */
export function containerProblems(c: JsonObject, path: string, { kind, names, hostPorts, volumes, claims, pod }: Surroundings): Cause[] {
  const causes: Cause[] = [];
  if (!c['name']) causes.push(field.required(`${path}.name`));
  else causes.push(...checked(c['name'], `${path}.name`, dnsLabel));
  if (c['name'] && names.has(c['name'])) causes.push(field.duplicate(`${path}.name`, c['name']));
  names.add(c['name']);
  if (!c['image']) causes.push(field.required(`${path}.image`));
  causes.push(
    ...oneOf(c['imagePullPolicy'], `${path}.imagePullPolicy`, ['Always', 'IfNotPresent', 'Never']),
    ...(kind === 'ephemeralContainers' ? [] : oneOf(c['restartPolicy'], `${path}.restartPolicy`, ['Always', 'Never', 'OnFailure'])),
    ...oneOf(c['securityContext']?.procMount, `${path}.securityContext.procMount`, ['Default', 'Unmasked']),
    ...oneOf(c['terminationMessagePolicy'], `${path}.terminationMessagePolicy`, ['File', 'FallbackToLogsOnError']),
    // Those that run one after the other may have the same ports.
    ...portProblems(c, path, kind === 'containers' ? hostPorts : new Set()),
    ...envProblems(c, path),
    ...mountProblems(c, path, volumes),
    ...deviceProblems(c, path, volumes),
    ...resourceProblems(c['resources'] ?? {}, `${path}.resources`, claims),
    ...resizeProblems(c['resizePolicy'], `${path}.resizePolicy`, pod['restartPolicy']),
  );
  if (kind !== 'ephemeralContainers')
    causes.push(...restartRuleProblems(c, path), ...lifeProblems(c, path, kind === 'initContainers', pod));
  const security: JsonObject | undefined = c['securityContext'];
  causes.push(...securityProblems(security, `${path}.securityContext`));
  if (security?.['allowPrivilegeEscalation'] === false) {
    if (security['privileged'])
      causes.push(
        field.invalid(`${path}.securityContext`, security, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    if (security['capabilities']?.add?.includes('CAP_SYS_ADMIN'))
      causes.push(
        field.invalid(
          `${path}.securityContext`,
          security,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
  }
  return causes;
}

/** Probes and hooks, which init containers have only if they go on running. */
function lifeProblems(c: JsonObject, path: string, init: boolean, pod: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const without = init && c['restartPolicy'] !== 'Always';
  const refuse = (key: string): void => {
    if (c[key]) causes.push(field.forbidden(`${path}.${key}`, 'may not be set for init containers without restartPolicy=Always'));
  };
  for (const [key, once] of [
    ['livenessProbe', true],
    ['readinessProbe', false],
    ['startupProbe', true],
  ] as const) {
    if (without) refuse(key);
    else causes.push(...probeProblems(c[key], `${path}.${key}`, once));
  }
  if (without) {
    refuse('lifecycle');
    return causes;
  }
  const hooks: JsonObject = c['lifecycle'] ?? {};
  for (const key of ['postStart', 'preStop'])
    if (hooks[key]) causes.push(...handlerProblems(hooks[key], `${path}.lifecycle.${key}`, pod['terminationGracePeriodSeconds'] ?? 30));
  return causes;
}

/** What an ephemeral container may not have. */
const NOT_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
];

/** What is wrong with the ephemeral containers of a pod, beside what they have in common with others. */
export function ephemeralProblems(containers: JsonObject[], path: string, others: ReadonlySet<string>): Cause[] {
  const causes: Cause[] = [];
  for (const [i, c] of containers.entries()) {
    const at = `${path}[${i}]`;
    const target: unknown = c['targetContainerName'];
    if (target && !others.has(String(target)))
      causes.push({
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(target)}`,
        field: `${at}.targetContainerName`,
      });
    for (const key of NOT_EPHEMERAL)
      if (c[key] !== undefined) causes.push(field.forbidden(`${at}.${key}`, 'cannot be set for an Ephemeral Container'));
    if (Object.keys(c['resources'] ?? {}).length)
      causes.push(field.forbidden(`${at}.resources`, 'cannot be set for an Ephemeral Container'));
    for (const [j, m] of (c['volumeMounts'] ?? []).entries())
      for (const key of ['subPath', 'subPathExpr'])
        if (m[key]) causes.push(field.forbidden(`${at}.volumeMounts[${j}].${key}`, 'cannot be set for an Ephemeral Container'));
  }
  return causes;
}
