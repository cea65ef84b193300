import { field, type Cause } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, labelKey, type Check } from '../names.ts';
import { affinityProblems, tolerationProblems } from './affinity.ts';
import { checked, ip, labelProblems, named, oneOf, selectorProblems, subdomain } from './checks.ts';
import { containerProblems, ephemeralProblems, securityProblems, type Surroundings } from './containers.ts';
import { fileVolumeProblems } from './env.ts';
import { resourceProblems } from './resources.ts';
import { sourceDefaults, volumeProblems } from './volumes.ts';

/** Whether an image has no tag and no digest, or the tag latest. */
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const IMAGE = new RegExp(
  `^(?:[\\w.\\-:[\\]]+/)?${PART}(?:/${PART})*(?::(?<tag>\\w[\\w.-]{0,127}))?(?<digest>@[\\w+.-]+:[\\da-fA-F]{32,})?$`,
);

/** Whether an image is the latest; what names none isn't. */
function isLatest(image: string): boolean {
  const found = image.length > 255 ? null : IMAGE.exec(image);
  return found !== null && !found.groups!['digest'] && (found.groups!['tag'] ?? 'latest') === 'latest';
}

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
  // Not on by default yet, and dropped as Kubernetes drops it.
  if (c['lifecycle']?.stopSignal !== undefined) {
    delete c['lifecycle'].stopSignal;
    if (!Object.keys(c['lifecycle']).length) delete c['lifecycle'];
  }
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
  sourceDefaults(v);
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
  // Of a feature that is off.
  delete spec['schedulingGroup'];
}

const RESTART = ['Always', 'OnFailure', 'Never'];

/** What is wrong with a pod's spec. `restart` are the policies that its owner allows. */
export function podSpecProblems(spec: JsonObject, path: string, restart: readonly string[] = RESTART, isPod = false): Cause[] {
  const causes: Cause[] = [];
  const volumes = new Map<string, JsonObject>();
  causes.push(...volumeProblems(spec['volumes'], `${path}.volumes`, volumes));
  const names = new Set<string>();
  const surroundings = { names, hostPorts: new Set<string>(), volumes, claims: claimNames(spec), pod: spec };
  causes.push(...claimProblems(spec, `${path}.resourceClaims`));
  if (!spec['containers']?.length) causes.push(field.required(`${path}.containers`));
  const check = (kind: Surroundings['kind']): void => {
    for (const [i, c] of (spec[kind] ?? []).entries())
      causes.push(...containerProblems(c, `${path}.${kind}[${i}]`, { ...surroundings, kind }));
  };
  check('containers');
  check('initContainers');
  const others = new Set(names);
  check('ephemeralContainers');
  causes.push(...ephemeralProblems(spec['ephemeralContainers'] ?? [], `${path}.ephemeralContainers`, others));
  if (spec['resources']) causes.push(...podResourceProblems(spec, `${path}.resources`));
  if (spec['hostNetwork'])
    for (const [i, c] of (spec['containers'] ?? []).entries())
      for (const [j, p] of (c.ports ?? []).entries())
        // A template may leave it open.
        if ((isPod || p.hostPort) && (p.hostPort ?? 0) !== p.containerPort)
          causes.push(
            field.invalid(
              `${path}.containers[${i}].ports[${j}].hostPort`,
              p.hostPort ?? 0,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          );
  // What is no policy at all is told twice.
  if (restart !== RESTART && restart.length !== 2 && !RESTART.includes(spec['restartPolicy']))
    causes.push(field.notSupported(`${path}.restartPolicy`, spec['restartPolicy'], RESTART));
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
  else causes.push(...dnsProblems(spec['dnsConfig'], `${path}.dnsConfig`));
  const deadline: unknown = spec['activeDeadlineSeconds'];
  if (typeof deadline === 'number' && (deadline < 1 || deadline > 2 ** 31 - 1))
    causes.push(field.invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'));
  for (const key of ['serviceAccountName', 'nodeName', 'priorityClassName']) causes.push(...subdomain(spec[key], `${path}.${key}`));
  causes.push(...fileVolumeProblems(spec, path));
  for (const [key, set] of [
    ['setHostnameAsFQDN', spec['setHostnameAsFQDN']],
    ['hostNetwork', spec['hostNetwork']],
  ] as const)
    if (spec['hostnameOverride'] !== undefined && set)
      causes.push(field.forbidden(`${path}.hostnameOverride`, `may not be specified when ${key} is true`));
  if (spec['hostnameOverride']?.length > 64) causes.push(field.tooLong(`${path}.hostnameOverride`, 64));
  for (const key of ['runtimeClassName', 'hostnameOverride'])
    if (spec[key] !== undefined) causes.push(...checked(spec[key], `${path}.${key}`, dnsSubdomain));
  for (const key of ['hostname', 'subdomain']) causes.push(...named(spec[key], `${path}.${key}`, dnsLabel));
  causes.push(
    ...labelProblems(spec['nodeSelector'], `${path}.nodeSelector`),
    ...securityProblems(spec['securityContext'], `${path}.securityContext`),
    ...oneOf(spec['securityContext']?.fsGroupChangePolicy, `${path}.securityContext.fsGroupChangePolicy`, ['Always', 'OnRootMismatch']),
    ...oneOf(spec['securityContext']?.supplementalGroupsPolicy, `${path}.securityContext.supplementalGroupsPolicy`, ['Merge', 'Strict']),
    // The other one is for kubelets that mount with labels.
    ...oneOf(spec['securityContext']?.seLinuxChangePolicy, `${path}.securityContext.seLinuxChangePolicy`, ['Recursive']),
    ...(spec['preemptionPolicy'] === ''
      ? [field.required(`${path}.preemptionPolicy`)]
      : oneOf(spec['preemptionPolicy'], `${path}.preemptionPolicy`, ['Never', 'PreemptLowerPriority'])),
    ...affinityProblems(spec['affinity'], `${path}.affinity`),
  );
  for (const [i, g] of (spec['securityContext']?.supplementalGroups ?? []).entries())
    if (g < 0 || g > 2 ** 31 - 1)
      causes.push(field.invalid(`${path}.securityContext.supplementalGroups[${i}]`, g, 'must be between 0 and 2147483647, inclusive'));
  for (const [i, t] of (spec['tolerations'] ?? []).entries()) causes.push(...tolerationProblems(t, `${path}.tolerations[${i}]`));
  for (const [i, g] of (spec['readinessGates'] ?? []).entries())
    causes.push(...checked(g.conditionType, `${path}.readinessGates[${i}].conditionType`, labelKey));
  const gates: string[] = (spec['schedulingGates'] ?? []).map((g: JsonObject) => String(g['name'] ?? ''));
  for (const [i, g] of gates.entries()) {
    causes.push(...checked(g, `${path}.schedulingGates[${i}]`, labelKey));
    if (gates.indexOf(g) < i) causes.push(field.duplicate(`${path}.schedulingGates[${i}]`, g));
  }
  for (const [i, a] of (spec['hostAliases'] ?? []).entries()) {
    causes.push(...checked(a.ip, `${path}.hostAliases[${i}].ip`, ip));
    for (const [j, h] of (a.hostnames ?? []).entries())
      causes.push(...checked(h, `${path}.hostAliases[${i}].hostnames[${j}]`, dnsSubdomain));
  }
  causes.push(...sysctlProblems(spec['securityContext']?.sysctls, `${path}.securityContext.sysctls`), ...hostUserProblems(spec, path));
  if (spec['overhead']) causes.push(...resourceProblems({ limits: spec['overhead'] }, `${path}.overhead`));
  if (spec['os']) {
    if (!spec['os'].name) causes.push(field.required(`${path}.os.name`));
    else causes.push(...oneOf(spec['os'].name, `${path}.os`, ['linux', 'windows']));
  }
  if (spec['shareProcessNamespace'] && spec['hostPID'])
    causes.push(
      field.invalid(`${path}.securityContext.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  const spread: string[] = (spec['topologySpreadConstraints'] ?? []).map(
    (s: JsonObject) => `{${s['topologyKey']}, ${s['whenUnsatisfiable']}}`,
  );
  for (const [i, s] of (spec['topologySpreadConstraints'] ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${i}]`;
    if (!(s.maxSkew > 0)) causes.push(field.invalid(`${at}.maxSkew`, s.maxSkew ?? 0, 'must be greater than zero'));
    if (!s.topologyKey) causes.push(field.required(`${at}.topologyKey`, 'can not be empty'));
    causes.push(...oneOf(s.whenUnsatisfiable ?? '', `${at}.whenUnsatisfiable`, ['DoNotSchedule', 'ScheduleAnyway']));
    if (spread.lastIndexOf(spread[i]!) > i) causes.push(field.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, spread[i]));
    causes.push(...selectorProblems(s.labelSelector, `${at}.labelSelector`));
    if (s.minDomains !== undefined) {
      if (s.minDomains <= 0) causes.push(field.invalid(`${at}.minDomains`, s.minDomains, 'must be greater than zero'));
      if (s.whenUnsatisfiable !== 'DoNotSchedule')
        causes.push(
          field.invalid(`${at}.minDomains`, s.minDomains, 'can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway'),
        );
    }
    for (const key of ['nodeAffinityPolicy', 'nodeTaintsPolicy']) causes.push(...oneOf(s[key], `${at}.${key}`, ['Honor', 'Ignore']));
  }
  return causes;
}

const claimNames = (spec: JsonObject): Set<string> => new Set((spec['resourceClaims'] ?? []).map((c: JsonObject) => c['name']));

function claimProblems(spec: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, c] of (spec['resourceClaims'] ?? []).entries()) {
    const at = `${path}[${i}]`;
    if (!c.name) causes.push(field.required(`${at}.name`));
    else if (seen.has(c.name)) causes.push(field.duplicate(`${at}.name`, c.name));
    else causes.push(...checked(c.name, `${at}.name`, dnsLabel));
    seen.add(c.name);
    const names = ['resourceClaimName', 'resourceClaimTemplateName'].filter((k) => c[k] !== undefined);
    if (names.length !== 1) causes.push(field.invalid(at, c, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    for (const key of names) causes.push(...checked(c[key], `${at}.${key}`, dnsSubdomain));
  }
  return causes;
}

function podResourceProblems(spec: JsonObject, path: string): Cause[] {
  const { claims, ...amounts } = spec['resources'] as JsonObject;
  const causes = resourceProblems(amounts, path);
  if (claims) causes.push(field.forbidden(`${path}.claims`, 'claims cannot be set for Resources at pod-level'));
  return causes;
}

/** Names of DNS servers and search domains that libc takes. */
function dnsProblems(dns: JsonObject | undefined, path: string): Cause[] {
  const {
    nameservers = [],
    searches = [],
    options = [],
  } = (dns ?? {}) as { nameservers?: string[]; searches?: string[]; options?: JsonObject[] };
  const causes: Cause[] = [];
  if (nameservers.length > 3) causes.push(field.invalid(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  for (const [i, n] of nameservers.entries()) causes.push(...checked(n, `${path}.nameservers[${i}]`, ip));
  if (searches.length > 32) causes.push(field.invalid(`${path}.searches`, searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048)
    causes.push(
      field.invalid(`${path}.searches`, searches, 'must not have more than 2048 characters (including spaces) in the search list'),
    );
  for (const [i, s] of searches.entries())
    if (s !== '.') causes.push(...checked(s.replace(/\.$/, ''), `${path}.searches[${i}]`, searchDomain));
  for (const [i, o] of options.entries()) if (!o['name']) causes.push(field.required(`${path}.options[${i}]`, 'must not be empty'));
  return causes;
}

const searchDomain: Check = (text) =>
  /^[a-z0-9_]([-a-z0-9_]*[a-z0-9])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9])?)*$/.test(text)
    ? []
    : ["a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.'"];

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

function sysctlProblems(sysctls: JsonObject[] | undefined, path: string): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, { name }] of (sysctls ?? []).entries()) {
    const at = `${path}[${i}].name`;
    if (!name) causes.push(field.required(at));
    else if (name.length > 253 || !SYSCTL.test(name))
      causes.push(field.invalid(at, name, `must have at most 253 characters and match regex ${SYSCTL.source}`));
    else if (seen.has(name)) causes.push(field.duplicate(at, name));
    seen.add(name);
  }
  return causes;
}

/** A pod with users of its own shares no other namespace of the node. */
function hostUserProblems(spec: JsonObject, path: string): Cause[] {
  if (spec['hostUsers'] !== false) return [];
  const causes: Cause[] = [];
  for (const [key, name] of [
    ['hostNetwork', 'hostNetwork'],
    ['hostPID', 'HostPID'],
    ['hostIPC', 'HostIPC'],
  ] as const)
    if (spec[key]) causes.push(field.forbidden(`${path}.${name}`, 'when `pod.Spec.HostUsers` is false'));
  return causes;
}

/** What is wrong with a pod template. */
export function templateProblems(template: JsonObject, path: string, restart: readonly string[] = RESTART): Cause[] {
  const causes = labelProblems(template['metadata']?.labels, `${path}.labels`);
  for (const key of Object.keys(template['metadata']?.annotations ?? {}))
    causes.push(...checked(key.toLowerCase(), `${path}.annotations`, labelKey));
  causes.push(...podSpecProblems(template['spec'] ?? {}, `${path}.spec`, restart));
  if (template['spec']?.ephemeralContainers?.length)
    causes.push(field.forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  return causes;
}
