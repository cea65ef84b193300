import type { JsonObject } from '../../schema/schema.ts';
import { quantityValue } from '../quantity.ts';

/* What is unwise in a pod or a template of one (k8s.io/kubernetes/pkg/api/pod/warnings.go). */

const OLD_LABELS: Record<string, string> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
};

const OLD_ANNOTATIONS: [key: string, why: string][] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
];

/** Sources of volumes that go or are gone, in the order that they are told in. The name of one is written otherwise. */
const OLD_VOLUMES: [type: string, why: string][] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

const quoted = (text: unknown): string => JSON.stringify(text ?? '');
const NONE: [number, JsonObject][] = [];
const items = (list: unknown): [number, JsonObject][] => (list === undefined ? NONE : [...(list as JsonObject[]).entries()]);

const fractional = (amounts: JsonObject | undefined, path: string, keys = ['memory', 'ephemeral-storage']): string[] =>
  keys
    .filter((key) => amounts?.[key] !== undefined && !Number.isInteger(quantityValue(amounts[key])))
    .map((key) => `${path}[${key}]: fractional byte value ${quoted(amounts![key])} is invalid, must be an integer`);

/** What is unwise in the spec of a claim. */
export const claimWarnings = (spec: JsonObject, path: string): string[] =>
  ['requests', 'limits'].flatMap((key) => fractional(spec['resources']?.[key], `${path}.resources.${key}`, ['storage']));

const oldExpressions = (term: JsonObject | undefined, path: string): string[] =>
  items(term?.['matchExpressions']).flatMap(([i, { key }]) =>
    OLD_LABELS[key] ? [`${path}.matchExpressions[${i}].key: ${key} is ${OLD_LABELS[key]}`] : [],
  );

function placeWarnings(spec: JsonObject, path: string): string[] {
  const node: JsonObject = spec['affinity']?.nodeAffinity ?? {};
  const at = `${path}.affinity.nodeAffinity`;
  return [
    ...Object.keys(spec['nodeSelector'] ?? {}).flatMap((key) =>
      OLD_LABELS[key] ? [`${path}.nodeSelector[${key}]: ${OLD_LABELS[key]}`] : [],
    ),
    ...items(node['requiredDuringSchedulingIgnoredDuringExecution']?.nodeSelectorTerms).flatMap(([i, term]) =>
      oldExpressions(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`),
    ),
    ...items(node['preferredDuringSchedulingIgnoredDuringExecution']).flatMap(([i, { preference }]) =>
      oldExpressions(preference, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`),
    ),
    ...items(spec['topologySpreadConstraints']).flatMap(([i, { topologyKey, labelSelector }]) => [
      ...(OLD_LABELS[topologyKey]
        ? [`${path}.topologySpreadConstraints[${i}].topologyKey: ${topologyKey} is ${OLD_LABELS[topologyKey]}`]
        : []),
      ...(labelSelector ? [] : [`${path}.topologySpreadConstraints[${i}].labelSelector: ${NO_POD}`]),
    ]),
  ];
}

const NO_POD = 'a null labelSelector results in matching no pod';

const neighbourWarnings = (spec: JsonObject, path: string): string[] =>
  ['podAffinity', 'podAntiAffinity'].flatMap((key) => {
    const affinity: JsonObject = spec['affinity']?.[key] ?? {};
    const at = `${path}.affinity.${key}`;
    return [
      ...items(affinity['requiredDuringSchedulingIgnoredDuringExecution']).flatMap(([i, term]) =>
        term['labelSelector'] ? [] : [`${at}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector: ${NO_POD}`],
      ),
      ...items(affinity['preferredDuringSchedulingIgnoredDuringExecution']).flatMap(([i, term]) =>
        term['podAffinityTerm']?.labelSelector
          ? []
          : [`${at}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector: ${NO_POD}`],
      ),
    ];
  });

interface Place {
  path: string;
  source: string;
}

/** The paths of files that a volume or a part of one says. */
function placesOf(source: JsonObject, describe: boolean): Place[] {
  const list = (of: JsonObject | undefined, text: string): Place[] | undefined =>
    of?.['items']?.map((item: JsonObject) => ({ path: item['path'] ?? '', source: describe ? text : '' }));
  const { configMap, secret, downwardAPI, serviceAccountToken: token, clusterTrustBundle: trust } = source;
  return (
    list(configMap, `ConfigMap ${quoted(configMap?.name)}`) ??
    list(secret, `Secret ${quoted(secret?.name)}`) ??
    list(downwardAPI, 'DownwardAPI') ??
    (token && [{ path: token.path ?? '', source: 'ServiceAccountToken' }]) ??
    (trust && [{ path: trust.path ?? '', source: `ClusterTrustBundle ${quoted(trust.name ?? trust.signerName)}` }]) ??
    []
  );
}

function overlaps(places: Place[]): string[] {
  const seen: Place[] = [];
  const show = ({ path, source }: Place): string => (source ? `${quoted(path)} (${source})` : quoted(path));
  return places.flatMap(({ path, source }) => {
    const place = { path: path.replace(/\/+$/, ''), source };
    const within = (one: Place, other: Place): boolean => `${one.path}/`.startsWith(`${other.path}/`);
    const others = place.path ? seen.filter((other) => other.path && (within(other, place) || within(place, other))) : [];
    seen.push(place);
    return others.map((other) => `${show(place)} with ${show(other)}`);
  });
}

const hasSource = (v: JsonObject, type: string): boolean => v[type === 'storageOS' ? 'storageos' : type] !== undefined;

/** What is unwise in a persistent volume. */
export const persistentWarnings = ({ metadata, spec }: JsonObject): string[] => [
  ...[
    ['volume.beta.kubernetes.io/storage-class', 'deprecated since v1.8; use "storageClassName" attribute instead'],
    ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
  ].flatMap(([key, why]) => (metadata.annotations?.[key!] === undefined ? [] : [`metadata.annotations[${key}]: ${why}`])),
  ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
    ? [
        'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      ]
    : []),
  ...items(spec.nodeAffinity?.required?.nodeSelectorTerms).flatMap(([i, term]) =>
    oldExpressions(term, `spec.nodeAffinity.required.nodeSelectorTerms[${i}]`),
  ),
  ...['cephfs', 'photonPersistentDisk', 'scaleIO', 'storageOS', 'glusterfs', 'rbd']
    .filter((type) => hasSource(spec, type))
    .map((type) => `spec.${type}: ${OLD_VOLUMES.find(([old]) => old === type)![1]}`),
];

function volumeWarnings(volumes: unknown, path: string): string[] {
  const told: string[] = [];
  for (const [i, v] of items(volumes)) {
    for (const [type, why] of OLD_VOLUMES) if (hasSource(v, type)) told.push(`${path}[${i}].${type}: ${why}`);
    const claim: JsonObject | undefined = v['ephemeral']?.volumeClaimTemplate;
    if (claim) told.push(...claimWarnings(claim['spec'] ?? {}, `${path}[${i}].ephemeral.volumeClaimTemplate.spec`));
  }
  for (const [, v] of items(volumes)) {
    const name = quoted(v['name']);
    const say = (what: string, places: Place[]): void => {
      for (const one of overlaps(places)) told.push(`volume ${name} (${what}): overlapping paths: ${one}`);
    };
    if (v['configMap']) say(`ConfigMap ${quoted(v['configMap'].name)}`, placesOf(v, false));
    if (v['secret']) say(`Secret ${quoted(v['secret'].secretName)}`, placesOf(v, false));
    if (v['downwardAPI']) say('DownwardAPI', placesOf(v, false));
    const sources: JsonObject[] = v['projected']?.sources ?? [];
    for (const s of sources) if (!Object.keys(s).length) told.push(`volume ${name} (Projected) has no sources provided`);
    say(
      'Projected',
      sources.flatMap((s) => placesOf(s, true)),
    );
  }
  return told;
}

function containerWarnings(c: JsonObject, path: string): string[] {
  const { limits, requests } = c['resources'] ?? {};
  const names = new Set<string>();
  return [
    ...['memory', 'ephemeral-storage'].flatMap((key) => [
      ...fractional(limits, `${path}.resources.limits`, [key]),
      ...fractional(requests, `${path}.resources.requests`, [key]),
    ]),
    ...items(c['env']).flatMap(([i, { name, value = '', valueFrom }]) => {
      const ref = `$(${name})`;
      const hides = names.has(name) && (valueFrom || value === ref || !value.includes(ref));
      names.add(name);
      return hides ? [`${path}.env[${i}]: hides previous definition of ${quoted(name)}, which may be dropped when using apply`] : [];
    }),
  ];
}

function portWarnings(ports: [at: string, port: JsonObject][]): string[] {
  const told: string[] = [];
  const seen: [string, JsonObject][] = [];
  for (const [at, p] of ports) {
    const [ip, host] = [p['hostIP'] ?? '', p['hostPort'] ?? 0];
    if (ip && !host)
      told.push(
        `${at}: hostIP set without hostPort: {Name:${p['name'] ?? ''} HostPort:0 ContainerPort:${p['containerPort'] ?? 0} Protocol:${p['protocol']} HostIP:${ip}}`,
      );
    for (const [there, other] of seen) {
      if (other['containerPort'] !== p['containerPort'] || other['protocol'] !== p['protocol']) continue;
      const [otherIp, otherHost] = [other['hostIP'] ?? '', other['hostPort'] ?? 0];
      if (ip === otherIp && host === otherHost) told.push(`${at}: duplicate port definition with ${there}`);
      else if (!host || !otherHost) told.push(`${at}: overlapping port definition with ${there}`);
      else if (host === otherHost && !ip !== !otherIp) told.push(`${at}: dangerously ambiguous port definition with ${there}`);
    }
    seen.push([at, p]);
  }
  const names = new Map<string, string>();
  for (const [at, { name }] of ports) {
    const other = name && names.get(name);
    if (other)
      told.push(
        `${at}: duplicate port name ${quoted(name)} with ${other}, services and probes that select ports by name will use ${other}`,
      );
    else if (name) names.set(name, at);
  }
  return told;
}

/** What is unwise in a pod, or in a template at a path. */
export function podWarnings({ metadata, spec }: JsonObject, path = ''): string[] {
  const annotations: JsonObject = metadata?.annotations ?? {};
  const below = path ? `${path}.` : '';
  const at = `${below}spec`;
  const annotated = (key: string, why: string): string[] =>
    annotations[key] === undefined ? [] : [`${below}metadata.annotations[${key}]: ${why}`];
  const containers: [string, JsonObject][] = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) =>
    items(spec[key]).map(([i, c]): [string, JsonObject] => [`${at}.${key}[${i}]`, c]),
  );
  const twice = (list: unknown, key: string, place: string, what: string): string[] => {
    const all = items(list).map(([, item]) => item[key] ?? '');
    return all.flatMap((value, i) => (all.indexOf(value) < i ? [`${at}.${place}[${i}].${key}: duplicate ${what} ${quoted(value)}`] : []));
  };
  const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  return [
    ...placeWarnings(spec, at),
    ...OLD_ANNOTATIONS.flatMap(([key, why]) => annotated(key, why)),
    ...volumeWarnings(spec['volumes'], `${at}.volumes`),
    ...twice(spec['hostAliases'], 'ip', 'hostAliases', 'ip'),
    ...twice(spec['imagePullSecrets'], 'name', 'imagePullSecrets', 'name'),
    ...items(spec['imagePullSecrets']).flatMap(([i, { name }]) =>
      name ? [] : [`${at}.imagePullSecrets[${i}].name: invalid empty name ""`],
    ),
    ...fractional(spec['overhead'], `${at}.overhead`),
    ...(spec['securityContext']?.seccompProfile ? [] : annotated('seccomp.security.alpha.kubernetes.io/pod', seccomp)),
    ...containers.flatMap(([place, c]) => [
      ...(c['securityContext']?.seccompProfile ? [] : annotated(`container.seccomp.security.alpha.kubernetes.io/${c['name']}`, seccomp)),
      ...containerWarnings(c, place),
    ]),
    ...portWarnings(
      containers.flatMap(([place, c]) => items(c['ports']).map(([i, p]): [string, JsonObject] => [`${place}.ports[${i}]`, p])),
    ),
    ...(spec['terminationGracePeriodSeconds'] < 0
      ? [`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...neighbourWarnings(spec, at),
  ];
}
