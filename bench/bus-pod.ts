/** The pods that the bus is measured with: 2.3 kB each as the server sends them, in Deployments of 30, on 500 nodes. */
export const PODS = 45_000;
const REPLICAS = 30;
const NODES = 500;
export const NAMESPACES = 30;

export const namespaceOf = (i: number): string => `bench-${Math.floor(i / REPLICAS) % NAMESPACES}`;
/** As a ReplicaSet names them. What looks random is the same in each run. */
export const podName = (i: number): string => `${appOf(i)}-${hash(Math.floor(i / REPLICAS), 10)}-${hash(i, 5)}`;
const appOf = (i: number): string => `service-${Math.floor(i / REPLICAS)}`;

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
function hash(n: number, length: number): string {
  let state = Math.imul(n + 1, 2_654_435_761) >>> 0;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return LETTERS[(state >>> 8) % LETTERS.length];
  }).join('');
}

export function pod(i: number): object {
  const app = appOf(i);
  const templateHash = hash(Math.floor(i / REPLICAS), 10);
  const token = `kube-api-access-${hash(i + 7, 5)}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(i),
      namespace: namespaceOf(i),
      generateName: `${app}-${templateHash}-`,
      labels: { app, 'pod-template-hash': templateHash, 'app.kubernetes.io/part-of': 'a-larger-whole' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-${templateHash}`,
          uid: `8c5f5e6c-0000-4000-8000-${templateHash}aa`,
          controller: true,
        },
      ],
    },
    spec: {
      nodeName: `node-${(i * 7919) % NODES}`,
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      volumes: [{ name: token, emptyDir: {} }],
      containers: [
        {
          name: 'main',
          image: `registry.example.com/team/${app}:1.2.3`,
          env: [{ name: 'LOG_LEVEL', value: 'info' }],
          ports: [{ containerPort: 8080, name: 'http' }],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          volumeMounts: [{ name: token, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }],
        },
      ],
    },
  };
}
