import { ApiError, forbidden } from '../../http/errors.ts';
import type { JsonObject } from '../../schema/schema.ts';
import { nameSuffix } from '../../objects/names.ts';
import type { WriteContext } from '../resource.ts';

/* What kube-apiserver's admission plug-ins do to a new pod. */

const POD = { group: '', plural: 'pods', kind: 'Pod' };
const CLASSES = 'priorityclasses.scheduling.k8s.io';
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A little over an hour, by which kubelets know a token that nobody asked for in this very length. */
const TOKEN_SECONDS = 3607;

/** Gives the pod its priority, by class. @throws 403 for a class that is not there, and for a priority that is not the class's */
export function priority(pod: JsonObject, { find, list }: WriteContext): void {
  const spec: JsonObject = pod['spec'];
  const name: string | undefined = spec['priorityClassName'];
  const chosen = name ? find(CLASSES, name) : list(CLASSES).find((c) => c['globalDefault']);
  const refuse = (why: string): ApiError => forbidden(POD, pod['metadata'].name ?? '', why);
  if (name && !chosen) throw refuse(`no PriorityClass with name ${name} was found`);
  if (chosen) spec['priorityClassName'] = chosen['metadata'].name;
  for (const [key, value] of [
    ['priority', chosen?.['value'] ?? 0],
    ['preemptionPolicy', chosen?.['preemptionPolicy'] ?? 'PreemptLowerPriority'],
  ] as const) {
    if (spec[key] !== undefined && spec[key] !== value)
      throw refuse(
        `the ${key === 'priority' ? 'integer value of priority' : 'string value of PreemptionPolicy'} (${spec[key]}) must not be provided in pod spec; priority admission controller computed ${String(value)} from the given PriorityClass name`,
      );
    spec[key] = value;
  }
}

/** Whether the account that every namespace gets is there: a new namespace may get it in a moment. */
export const accountReady = (pod: JsonObject, { has }: WriteContext): boolean => {
  const name: string = pod['spec'].serviceAccountName || 'default';
  return name !== 'default' || has('serviceaccounts', `${pod['metadata'].namespace}/default`);
};

/**
 * Makes the pod run as its service account: its token is mounted, unless the pod or the account says no.
 * @throws 403 for an account that is not there
 */
export function serviceAccount(pod: JsonObject, { find }: WriteContext): void {
  const spec: JsonObject = pod['spec'];
  const { namespace } = pod['metadata'];
  const name: string = spec['serviceAccountName'] || 'default';
  spec['serviceAccountName'] = spec['serviceAccount'] = name;
  const account = find('serviceaccounts', `${namespace}/${name}`);
  if (!account)
    throw forbidden(
      POD,
      pod['metadata'].name ?? '',
      `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    );
  if (account['imagePullSecrets']?.length) spec['imagePullSecrets'] ??= structuredClone(account['imagePullSecrets']);
  if (spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true) mountToken(spec);
}

function mountToken(spec: JsonObject): void {
  const containers: JsonObject[] = [...(spec['initContainers'] ?? []), ...(spec['containers'] ?? [])];
  const without = containers.filter((c) => !(c['volumeMounts'] ?? []).some((m: JsonObject) => m['mountPath'] === TOKEN_PATH));
  if (!without.length) return;
  const name = `kube-api-access-${nameSuffix()}`;
  for (const c of without) c['volumeMounts'] = [...(c['volumeMounts'] ?? []), { name, readOnly: true, mountPath: TOKEN_PATH }];
  const sources = [
    { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ];
  spec['volumes'] = [...(spec['volumes'] ?? []), { name, projected: { sources, defaultMode: 420 } }];
}
