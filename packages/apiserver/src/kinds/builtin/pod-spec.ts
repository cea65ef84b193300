import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, labelKeyProblem } from '../names.ts';
import { ipProblem, labelProblems, named, oneOf, selectorProblems, subdomain, wanted } from './checks.ts';
import { containerProblems, securityProblems } from './containers.ts';

/** Whether an image has no tag and no digest, or the tag latest. */
const isLatest = (image: string): boolean => !image.includes('@') && (image.endsWith(':latest') || !/:[^/]+$/.test(image));

function probe(p: JsonObject | undefined): void {
  if (!p) return;
  p['timeoutSeconds'] ||= 1;
  p['periodSeconds'] ||= 10;
  p['successThreshold'] ||= 1;
  p['failureThreshold'] ||= 3;
  handler(p);
  if (p['grpc']) p['grpc'].service ??= '';
}

function handler(h: JsonObject | undefined): void {
  const http: JsonObject | undefined = h?.['httpGet'];
  if (!http) return;
  http['path'] ||= '/';
  http['scheme'] ||= 'HTTP';
}

function container(c: JsonObject): void {
  if (typeof c['image'] === 'string') c['imagePullPolicy'] ||= isLatest(c['image']) ? 'Always' : 'IfNotPresent';
  c['terminationMessagePath'] ||= '/dev/termination-log';
  c['terminationMessagePolicy'] ||= 'File';
  c['resources'] ??= {};
  for (const port of c['ports'] ?? []) port.protocol ||= 'TCP';
  for (const e of c['env'] ?? []) if (e.valueFrom?.fieldRef) e.valueFrom.fieldRef.apiVersion ||= 'v1';
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) probe(c[key]);
  handler(c['lifecycle']?.postStart);
  handler(c['lifecycle']?.preStop);
}

function volume(v: JsonObject): void {
  if (Object.keys(v).length === 1) v['emptyDir'] = {};
  for (const [source, mode] of [
    ['secret', 420],
    ['configMap', 420],
    ['downwardAPI', 420],
    ['projected', 420],
  ] as const) {
    if (v[source]) v[source].defaultMode ??= mode;
  }
  if (v['hostPath']) v['hostPath'].type ??= '';
  for (const item of v['downwardAPI']?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  for (const source of v['projected']?.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  }
}

/** Defaults of a pod's spec, also in templates (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go). */
export function podSpecDefaults(spec: JsonObject): void {
  for (const key of ['containers', 'initContainers', 'ephemeralContainers']) for (const c of spec[key] ?? []) container(c);
  for (const v of spec['volumes'] ?? []) volume(v);
  spec['dnsPolicy'] ||= 'ClusterFirst';
  spec['restartPolicy'] ||= 'Always';
  spec['securityContext'] ??= {};
  spec['terminationGracePeriodSeconds'] ??= 30;
  spec['schedulerName'] ||= 'default-scheduler';
  if (spec['serviceAccountName']) spec['serviceAccount'] = spec['serviceAccountName'];
  else if (spec['serviceAccount']) spec['serviceAccountName'] = spec['serviceAccount'];
  if (spec['hostNetwork']) {
    for (const key of ['containers', 'initContainers'])
      for (const c of spec[key] ?? []) for (const port of c.ports ?? []) port.hostPort ||= port.containerPort;
  }
}

/** Volume sources and the fields that each must have. */
const SOURCES: Record<string, string[]> = {
  hostPath: ['path'],
  emptyDir: [],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  secret: ['secretName'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  persistentVolumeClaim: ['claimName'],
  rbd: ['monitors', 'image'],
  cephfs: ['monitors'],
  configMap: ['name'],
  downwardAPI: [],
  projected: [],
  csi: ['driver'],
  ephemeral: ['volumeClaimTemplate'],
  image: ['reference'],
  fc: [],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  flexVolume: ['driver'],
};

function volumeProblems(v: JsonObject, path: string, seen: Set<string>): Cause[] {
  const causes: Cause[] = [];
  if (!v['name']) causes.push(field.required(`${path}.name`));
  else if (dnsLabel(v['name'])) causes.push(field.invalid(`${path}.name`, v['name'], dnsLabel(v['name'])!));
  else if (seen.has(v['name'])) causes.push(field.duplicate(`${path}.name`, v['name']));
  seen.add(v['name']);
  const sources = Object.keys(v).filter((k) => k !== 'name');
  for (const more of sources.slice(1)) causes.push(field.forbidden(`${path}.${more}`, 'may not specify more than 1 volume type'));
  const [source] = sources;
  if (!source) return causes;
  const of: JsonObject = v[source];
  causes.push(...wanted(of, `${path}.${source}`, ...(SOURCES[source] ?? [])));
  if (typeof of['defaultMode'] === 'number' && (of['defaultMode'] < 0 || of['defaultMode'] > 0o777))
    causes.push(
      field.invalid(`${path}.${source}.defaultMode`, of['defaultMode'], 'must be a number between 0 and 0777 (octal), both inclusive'),
    );
  for (const [i, item] of (of['items'] ?? []).entries()) {
    const at = `${path}.${source}.items[${i}]`;
    causes.push(...wanted(item, at, ...(source === 'downwardAPI' ? ['path'] : ['key', 'path'])));
    if (String(item.path ?? '').startsWith('/')) causes.push(field.invalid(`${at}.path`, item.path, 'must be a relative path'));
    if (
      String(item.path ?? '')
        .split('/')
        .includes('..')
    )
      causes.push(field.invalid(`${at}.path`, item.path, "must not contain '..'"));
  }
  if (source === 'hostPath')
    causes.push(
      ...oneOf(of['type'], `${path}.hostPath.type`, [
        '',
        'BlockDevice',
        'CharDevice',
        'Directory',
        'DirectoryOrCreate',
        'File',
        'FileOrCreate',
        'Socket',
      ]),
    );
  return causes;
}

function tolerationProblems(t: JsonObject, path: string): Cause[] {
  const causes = named(t['key'], `${path}.key`, labelKeyProblem);
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
  causes.push(...oneOf(t['operator'] || undefined, `${path}.operator`, ['Equal', 'Exists']));
  causes.push(...oneOf(t['effect'] || undefined, `${path}.effect`, ['NoExecute', 'NoSchedule', 'PreferNoSchedule']));
  return causes;
}

/** What is wrong with the terms of a NodeSelector. */
export function nodeTermProblems(terms: JsonObject[] | undefined, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const [i, term] of (terms ?? []).entries())
    for (const part of ['matchExpressions', 'matchFields'])
      for (const [j, e] of (term[part] ?? []).entries()) {
        const at = `${path}[${i}].${part}[${j}]`;
        const count: number = e.values?.length ?? 0;
        if (part === 'matchExpressions') causes.push(...named(e.key || '-', `${at}.key`, labelKeyProblem));
        if (['In', 'NotIn'].includes(e.operator)) {
          if (!count) causes.push(field.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        } else if (['Exists', 'DoesNotExist'].includes(e.operator) && part === 'matchExpressions') {
          if (count) causes.push(field.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        } else if (['Gt', 'Lt'].includes(e.operator) && part === 'matchExpressions') {
          if (count !== 1) causes.push(field.required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
        } else causes.push(field.invalid(`${at}.operator`, e.operator, 'not a valid selector operator'));
      }
  return causes;
}

function affinityProblems(a: JsonObject | undefined, path: string): Cause[] {
  const causes: Cause[] = [];
  const node: JsonObject | undefined = a?.['nodeAffinity'];
  const required: JsonObject | undefined = node?.['requiredDuringSchedulingIgnoredDuringExecution'];
  if (required && !required['nodeSelectorTerms']?.length)
    causes.push(
      field.required(
        `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`,
        'must have at least one node selector term',
      ),
    );
  const where = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  causes.push(...nodeTermProblems(required?.['nodeSelectorTerms'], where));
  const weight = (w: unknown, at: string): void => {
    if (!(typeof w === 'number' && w >= 1 && w <= 100)) causes.push(field.invalid(`${at}.weight`, w ?? 0, 'must be in the range 1-100'));
  };
  for (const [i, p] of (node?.['preferredDuringSchedulingIgnoredDuringExecution'] ?? []).entries())
    weight(p.weight, `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`);
  const term = (t: JsonObject, at: string): void => {
    if (!t['topologyKey']) causes.push(field.required(`${at}.topologyKey`, 'can not be empty'));
    causes.push(
      ...named(t['topologyKey'], `${at}.topologyKey`, labelKeyProblem),
      ...selectorProblems(t['labelSelector'], `${at}.labelSelector`),
    );
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

const RESTART = ['Always', 'OnFailure', 'Never'];

/** What is wrong with a pod's spec. `restart` are the policies that its owner allows, `claims` the volumes that it brings. */
export function podSpecProblems(
  spec: JsonObject,
  path: string,
  restart: readonly string[] = RESTART,
  claims: readonly string[] = [],
): Cause[] {
  const causes: Cause[] = [];
  const volumes = new Set<string>();
  for (const [i, v] of (spec['volumes'] ?? []).entries()) causes.push(...volumeProblems(v, `${path}.volumes[${i}]`, volumes));
  for (const name of claims) volumes.add(name);
  const shared = { names: new Set<string>(), hostPorts: new Set<string>(), volumes };
  if (!spec['containers']?.length) causes.push(field.required(`${path}.containers`));
  for (const [key, init] of [
    ['containers', false],
    ['initContainers', true],
  ] as const) {
    for (const [i, c] of (spec[key] ?? []).entries()) causes.push(...containerProblems(c, `${path}.${key}[${i}]`, { ...shared, init }));
  }
  if (spec['hostNetwork'])
    for (const key of ['containers', 'initContainers'])
      for (const [i, c] of (spec[key] ?? []).entries())
        for (const [j, p] of (c.ports ?? []).entries())
          if (p.hostPort !== p.containerPort)
            causes.push(
              field.invalid(
                `${path}.${key}[${i}].ports[${j}].containerPort`,
                p.containerPort,
                'must match `hostPort` when `hostNetwork` is true',
              ),
            );
  if (!restart.includes(spec['restartPolicy']))
    causes.push(
      restart.length === 2 && spec['restartPolicy'] === 'Always'
        ? field.required(`${path}.restartPolicy`, `valid values: ${restart.map((r) => JSON.stringify(r)).join(', ')}`)
        : field.notSupported(`${path}.restartPolicy`, spec['restartPolicy'], restart),
    );
  causes.push(...oneOf(spec['dnsPolicy'], `${path}.dnsPolicy`, ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']));
  if (spec['dnsPolicy'] === 'None' && !spec['dnsConfig']?.nameservers?.length)
    causes.push(
      spec['dnsConfig']
        ? field.required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')
        : field.required(`${path}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None'),
    );
  for (const [i, n] of (spec['dnsConfig']?.nameservers ?? []).entries())
    causes.push(...named(n, `${path}.dnsConfig.nameservers[${i}]`, ipProblem));
  const deadline: unknown = spec['activeDeadlineSeconds'];
  if (typeof deadline === 'number' && (deadline < 1 || deadline > 2 ** 31 - 1))
    causes.push(field.invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'));
  for (const key of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName', 'schedulerName'])
    causes.push(...subdomain(spec[key], `${path}.${key}`));
  for (const key of ['hostname', 'subdomain']) causes.push(...named(spec[key], `${path}.${key}`, dnsLabel));
  causes.push(
    ...labelProblems(spec['nodeSelector'], `${path}.nodeSelector`),
    ...securityProblems(spec['securityContext'], `${path}.securityContext`),
    ...oneOf(spec['securityContext']?.fsGroupChangePolicy, `${path}.securityContext.fsGroupChangePolicy`, ['Always', 'OnRootMismatch']),
    ...oneOf(spec['preemptionPolicy'], `${path}.preemptionPolicy`, ['Never', 'PreemptLowerPriority']),
    ...affinityProblems(spec['affinity'], `${path}.affinity`),
  );
  for (const [i, g] of (spec['securityContext']?.supplementalGroups ?? []).entries())
    if (g < 0 || g > 2 ** 31 - 1)
      causes.push(field.invalid(`${path}.securityContext.supplementalGroups[${i}]`, g, 'must be between 0 and 2147483647, inclusive'));
  for (const [i, t] of (spec['tolerations'] ?? []).entries()) causes.push(...tolerationProblems(t, `${path}.tolerations[${i}]`));
  for (const [i, a] of (spec['hostAliases'] ?? []).entries()) {
    causes.push(...named(a.ip || '-', `${path}.hostAliases[${i}].ip`, ipProblem));
    for (const [j, h] of (a.hostnames ?? []).entries()) causes.push(...named(h, `${path}.hostAliases[${i}].hostnames[${j}]`, dnsSubdomain));
  }
  if (spec['shareProcessNamespace'] && spec['hostPID'])
    causes.push(field.invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'));
  const spread = new Set<string>();
  for (const [i, s] of (spec['topologySpreadConstraints'] ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${i}]`;
    if (!(s.maxSkew > 0)) causes.push(field.invalid(`${at}.maxSkew`, s.maxSkew ?? 0, 'must be greater than zero'));
    if (!s.topologyKey) causes.push(field.required(`${at}.topologyKey`, 'can not be empty'));
    causes.push(...oneOf(s.whenUnsatisfiable ?? '', `${at}.whenUnsatisfiable`, ['DoNotSchedule', 'ScheduleAnyway']));
    const id = `{${s.topologyKey}, ${s.whenUnsatisfiable}}`;
    if (spread.has(id)) causes.push(field.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, id));
    spread.add(id);
    causes.push(...selectorProblems(s.labelSelector, `${at}.labelSelector`));
  }
  return causes;
}

/** What is wrong with a pod template. */
export function templateProblems(
  template: JsonObject,
  path: string,
  restart: readonly string[] = RESTART,
  claims: readonly string[] = [],
): Cause[] {
  const causes = labelProblems(template['metadata']?.labels, `${path}.labels`);
  for (const key of Object.keys(template['metadata']?.annotations ?? {}))
    causes.push(...named(key.toLowerCase(), `${path}.annotations`, labelKeyProblem));
  causes.push(...podSpecProblems(template['spec'] ?? {}, `${path}.spec`, restart, claims));
  if (template['spec']?.ephemeralContainers?.length)
    causes.push(field.forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  return causes;
}
