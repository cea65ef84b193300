import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, labelKeyProblem } from '../names.ts';
import { quantityValue } from '../quantity.ts';
import { keyProblem, named, numbers, oneOf, portNameProblem, portOrName, wanted } from './checks.ts';

const STANDARD = ['cpu', 'memory', 'ephemeral-storage'];
const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const FIELDS =
  /^(metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['.+'\]|spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs))$/;

const extended = (name: string): boolean => name.includes('/') && !name.split('/')[0]!.endsWith('kubernetes.io');

function handlerProblems(h: JsonObject, path: string): Cause[] {
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
      for (const [i, header] of (h['httpGet'].httpHeaders ?? []).entries())
        if (!/^[-A-Za-z0-9]+$/.test(header.name ?? ''))
          causes.push(
            field.invalid(
              `${path}.httpGet.httpHeaders[${i}].name`,
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
  }
  return causes;
}

function probeProblems(p: JsonObject | undefined, path: string, once: boolean): Cause[] {
  if (!p) return [];
  const causes = handlerProblems(p, path);
  causes.push(
    ...numbers.notNegative(p, path, 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'),
  );
  if (once && p['successThreshold'] !== 1) causes.push(field.invalid(`${path}.successThreshold`, p['successThreshold'], 'must be 1'));
  const grace: unknown = p['terminationGracePeriodSeconds'];
  if (!once && grace !== undefined)
    causes.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  else if (typeof grace === 'number' && grace <= 0)
    causes.push(field.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  return causes;
}

function envProblems(c: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const [i, e] of (c['env'] ?? []).entries()) {
    const at = `${path}.env[${i}]`;
    if (!e.name) causes.push(field.required(`${at}.name`));
    else if (/[^ -~]|=/.test(e.name))
      causes.push(
        field.invalid(
          `${at}.name`,
          e.name,
          "a valid environment variable name must consist only of printable ASCII characters other than '='",
        ),
      );
    const from: JsonObject | undefined = e.valueFrom;
    if (!from) continue;
    const kinds = Object.keys(from);
    if (!kinds.length)
      causes.push(
        field.invalid(
          `${at}.valueFrom`,
          '',
          'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
        ),
      );
    if (e.value) causes.push(field.invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    if (kinds.length > 1) causes.push(field.invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time'));
    if (from['fieldRef']) {
      const { fieldPath } = from['fieldRef'];
      if (!fieldPath) causes.push(field.required(`${at}.valueFrom.fieldRef.fieldPath`));
      else if (!/^(metadata|spec|status)\./.test(fieldPath))
        causes.push(
          field.invalid(
            `${at}.valueFrom.fieldRef.fieldPath`,
            fieldPath,
            'error converting fieldPath: field label not supported: ' + fieldPath,
          ),
        );
      else if (!FIELDS.test(fieldPath))
        causes.push(
          field.notSupported(`${at}.valueFrom.fieldRef.fieldPath`, fieldPath, [
            'metadata.name',
            'metadata.namespace',
            'metadata.uid',
            'spec.nodeName',
            'spec.serviceAccountName',
            'status.hostIP',
            'status.hostIPs',
            'status.podIP',
            'status.podIPs',
          ]),
        );
    }
    if (from['resourceFieldRef']) causes.push(...wanted(from['resourceFieldRef'], `${at}.valueFrom.resourceFieldRef`, 'resource'));
    for (const key of ['configMapKeyRef', 'secretKeyRef'])
      if (from[key])
        causes.push(
          ...wanted(from[key], `${at}.valueFrom.${key}`, 'name', 'key'),
          ...named(from[key].key, `${at}.valueFrom.${key}.key`, keyProblem),
        );
  }
  for (const [i, e] of (c['envFrom'] ?? []).entries()) {
    const at = `${path}.envFrom[${i}]`;
    if (!e.configMapRef && !e.secretRef) causes.push(field.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (e.configMapRef && e.secretRef) causes.push(field.invalid(at, '', 'may not have more than one field specified at a time'));
    for (const key of ['configMapRef', 'secretRef']) if (e[key]) causes.push(...wanted(e[key], `${at}.${key}`, 'name'));
  }
  return causes;
}

function mountProblems(c: JsonObject, path: string, volumes: ReadonlySet<string>): Cause[] {
  const causes: Cause[] = [];
  const paths = new Set<string>();
  for (const [i, m] of (c['volumeMounts'] ?? []).entries()) {
    const at = `${path}.volumeMounts[${i}]`;
    if (!m.name) causes.push(field.required(`${at}.name`));
    else if (!volumes.has(m.name))
      causes.push({ reason: 'FieldValueNotFound', message: `Not found: ${JSON.stringify(m.name)}`, field: `${at}.name` });
    if (!m.mountPath) causes.push(field.required(`${at}.mountPath`));
    else if (paths.has(m.mountPath)) causes.push(field.invalid(`${at}.mountPath`, m.mountPath, 'must be unique'));
    paths.add(m.mountPath);
    for (const key of ['subPath', 'subPathExpr']) {
      if (!m[key]) continue;
      if (m[key].startsWith('/')) causes.push(field.invalid(`${at}.${key}`, m[key], 'must be a relative path'));
      if (m[key].split('/').includes('..')) causes.push(field.invalid(`${at}.${key}`, m[key], "must not contain '..'"));
    }
    if (m.subPath && m.subPathExpr)
      causes.push(field.invalid(`${at}.subPathExpr`, m.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    causes.push(...oneOf(m.mountPropagation, `${at}.mountPropagation`, ['Bidirectional', 'HostToContainer', 'None']));
  }
  return causes;
}

function resourceProblems(resources: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const { limits = {}, requests = {} } = resources as { limits?: JsonObject; requests?: JsonObject };
  for (const [part, values] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      const at = `${path}.${part}[${name}]`;
      const bad = labelKeyProblem(name);
      if (bad) causes.push(field.invalid(at, name, bad));
      else if (!name.includes('/') && !STANDARD.includes(name) && !name.startsWith('hugepages-')) {
        causes.push(
          field.invalid(at, name, 'must be a standard resource type or fully qualified'),
          field.invalid(at, name, 'must be a standard resource for containers'),
        );
      }
      if (quantityValue(value) < 0) causes.push(field.invalid(at, value, 'must be greater than or equal to 0'));
      else if (extended(name) && !Number.isInteger(quantityValue(value))) causes.push(field.invalid(at, value, 'must be an integer'));
    }
  }
  for (const [name, asked] of Object.entries(requests)) {
    if (limits[name] === undefined) {
      if (extended(name)) causes.push(field.required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
    } else if (extended(name) && quantityValue(asked) !== quantityValue(limits[name])) {
      causes.push(field.invalid(`${path}.requests`, asked, `must be equal to ${name} limit of ${limits[name]}`));
    } else if (quantityValue(asked) > quantityValue(limits[name])) {
      causes.push(field.invalid(`${path}.requests`, asked, `must be less than or equal to ${name} limit of ${limits[name]}`));
    }
  }
  return causes;
}

/** What is wrong with the parts of a securityContext that pods and containers share. */
export function securityProblems(s: JsonObject | undefined, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const key of ['runAsUser', 'runAsGroup', 'fsGroup'])
    if (typeof s?.[key] === 'number' && (s[key] < 0 || s[key] > 2 ** 31 - 1))
      causes.push(field.invalid(`${path}.${key}`, s[key], 'must be between 0 and 2147483647, inclusive'));
  for (const [key, name] of [
    ['seccompProfile', 'seccompProfile'],
    ['appArmorProfile', 'appArmorProfile'],
  ] as const) {
    const profile: JsonObject | undefined = s?.[key];
    if (!profile) continue;
    const at = `${path}.${name}`;
    if (!profile['type']) causes.push(field.required(`${at}.type`, 'type is required'));
    else causes.push(...oneOf(profile['type'], `${at}.type`, ['Localhost', 'RuntimeDefault', 'Unconfined']));
    if (profile['type'] === 'Localhost' && !profile['localhostProfile'])
      causes.push(field.required(`${at}.localhostProfile`, 'must be set when seccomp type is Localhost'));
    if (profile['type'] !== 'Localhost' && profile['localhostProfile'])
      causes.push(field.invalid(`${at}.localhostProfile`, profile['localhostProfile'], 'can only be set when seccomp type is Localhost'));
  }
  return causes;
}

/** What is wrong with one container. `names` and `hostPorts` are those of the containers before, and get its own. */
export function containerProblems(
  c: JsonObject,
  path: string,
  { names, hostPorts, volumes, init }: { names: Set<string>; hostPorts: Set<string>; volumes: ReadonlySet<string>; init: boolean },
): Cause[] {
  const causes: Cause[] = [];
  if (!c['name']) causes.push(field.required(`${path}.name`));
  else if (dnsLabel(c['name'])) causes.push(field.invalid(`${path}.name`, c['name'], dnsLabel(c['name'])!));
  else if (names.has(c['name'])) causes.push(field.duplicate(`${path}.name`, c['name']));
  names.add(c['name']);
  if (!c['image']) causes.push(field.required(`${path}.image`));
  else if (c['image'] !== c['image'].trim())
    causes.push(field.invalid(`${path}.image`, c['image'], 'must not have leading or trailing whitespace'));
  causes.push(
    ...oneOf(c['imagePullPolicy'], `${path}.imagePullPolicy`, ['Always', 'IfNotPresent', 'Never']),
    ...oneOf(c['restartPolicy'], `${path}.restartPolicy`, ['Always', 'Never', 'OnFailure']),
    ...oneOf(c['securityContext']?.procMount, `${path}.securityContext.procMount`, ['Default', 'Unmasked']),
    ...oneOf(c['terminationMessagePolicy'], `${path}.terminationMessagePolicy`, ['FallbackToLogsOnError', 'File']),
  );
  const portNames = new Set<string>();
  for (const [i, p] of (c['ports'] ?? []).entries()) {
    const at = `${path}.ports[${i}]`;
    causes.push(...named(p.name, `${at}.name`, portNameProblem));
    if (p.name && portNames.has(p.name)) causes.push(field.duplicate(`${at}.name`, p.name));
    portNames.add(p.name);
    if (!p.containerPort) causes.push(field.required(`${at}.containerPort`));
    else causes.push(...numbers.port(p.containerPort, `${at}.containerPort`));
    if (p.hostPort) {
      causes.push(...numbers.port(p.hostPort, `${at}.hostPort`));
      const id = `${p.protocol}/${p.hostIP ?? ''}/${p.hostPort}`;
      if (!init && hostPorts.has(id)) causes.push(field.duplicate(`${at}.hostPort`, id));
      if (!init) hostPorts.add(id);
    }
    causes.push(...oneOf(p.protocol, `${at}.protocol`, ['SCTP', 'TCP', 'UDP']));
  }
  causes.push(...envProblems(c, path), ...mountProblems(c, path, volumes), ...resourceProblems(c['resources'] ?? {}, `${path}.resources`));
  const sidecar = init && c['restartPolicy'] === 'Always';
  for (const [key, once] of [
    ['livenessProbe', true],
    ['readinessProbe', false],
    ['startupProbe', true],
  ] as const) {
    if (init && !sidecar && c[key])
      causes.push(field.forbidden(`${path}.${key}`, 'may not be set for init containers without restartPolicy=Always'));
    else causes.push(...probeProblems(c[key], `${path}.${key}`, once));
  }
  if (init && !sidecar && c['lifecycle'])
    causes.push(field.forbidden(`${path}.lifecycle`, 'may not be set for init containers without restartPolicy=Always'));
  else
    for (const key of ['postStart', 'preStop'])
      if (c['lifecycle']?.[key]) causes.push(...handlerProblems(c['lifecycle'][key], `${path}.lifecycle.${key}`));
  const security: JsonObject | undefined = c['securityContext'];
  causes.push(...securityProblems(security, `${path}.securityContext`));
  if (security?.['privileged'] && security['allowPrivilegeEscalation'] === false)
    causes.push(
      field.invalid(`${path}.securityContext`, security, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    );
  return causes;
}
