/** A kubeconfig as text, with one cluster, one user and one context. Its texts are JSON's, which are YAML's too. */
export function kubeconfigText(o: { name: string; server: string; ca: string; token: string }): string {
  const text = JSON.stringify;
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${text(o.name)}
    cluster:
      server: ${text(o.server)}
      certificate-authority-data: ${Buffer.from(o.ca).toString('base64')}
users:
  - name: ${text(`${o.name}-admin`)}
    user:
      token: ${text(o.token)}
contexts:
  - name: ${text(o.name)}
    context:
      cluster: ${text(o.name)}
      user: ${text(`${o.name}-admin`)}
current-context: ${text(o.name)}
`;
}
