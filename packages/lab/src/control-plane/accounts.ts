import type { Kind, KObject, KubeClient } from '@kosmos/kernel';
import { parseAllDocuments } from 'yaml';

const RBAC = 'rbac.authorization.k8s.io';
/** What `kosmos rbac` prints. */
const KINDS = [
  kind('', 'Namespace', 'namespaces', false),
  kind('', 'ServiceAccount', 'serviceaccounts', true),
  kind(RBAC, 'ClusterRole', 'clusterroles', false),
  kind(RBAC, 'ClusterRoleBinding', 'clusterrolebindings', false),
  kind(RBAC, 'Role', 'roles', true),
  kind(RBAC, 'RoleBinding', 'rolebindings', true),
];
const YEAR_SECONDS = 365 * 24 * 3600;

function kind(group: string, name: string, plural: string, namespaced: boolean): Kind<KObject> {
  return { group, version: 'v1', kind: name, plural, namespaced };
}

/** Makes what the manifests say, and gives out a token of each service account that is among it. */
export async function grant(client: KubeClient, manifests: string, give: (account: string, token: string) => void): Promise<void> {
  const objects = parseAllDocuments(manifests).map((document) => document.toJS() as KObject);
  for (const object of objects) {
    const of = KINDS.find((each) => each.kind === object.kind);
    if (!of) throw new Error(`kosmos rbac printed a ${object.kind}; known: ${KINDS.map((each) => each.kind).join(', ')}`);
    await client.apply(of, object, { fieldManager: 'lab', force: true });
  }
  for (const { metadata } of objects.filter((object) => object.kind === 'ServiceAccount')) {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: YEAR_SECONDS } };
    const path = `/api/v1/namespaces/${metadata.namespace}/serviceaccounts/${metadata.name}/token`;
    const { status } = (await client.request('POST', path, { body })) as { status: { token: string } };
    give(metadata.name, status.token);
  }
}
