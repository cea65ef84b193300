import { stringify } from 'yaml';

/** A kubeconfig as text, with one cluster, one user and one context. */
export function kubeconfigText(o: { name: string; server: string; ca: string; token: string }): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: o.name, cluster: { server: o.server, 'certificate-authority-data': Buffer.from(o.ca).toString('base64') } }],
      users: [{ name: `${o.name}-admin`, user: { token: o.token } }],
      contexts: [{ name: o.name, context: { cluster: o.name, user: `${o.name}-admin` } }],
      'current-context': o.name,
    },
    { lineWidth: 0 },
  );
}
