import { expect } from 'chai';
import { Client } from './client.ts';

const c = { name: 'c', image: 'i' };

/** What is wrong with pods: [what, its spec, its container and its metadata where they matter, causes as "reason field"]. */
const cases: [what: string, parts: [spec?: object, container?: object, metadata?: object], ...causes: string[]][] = [
  ['pod container no name/image', [{ containers: [{}] }], 'Required spec.containers[0].name', 'Required spec.containers[0].image'],
  ['pod container bad name', [{}, { name: 'A_b' }], 'Invalid spec.containers[0].name'],
  ['pod dup container', [{ containers: [c, c] }], 'Duplicate spec.containers[1].name'],
  ['pod image space', [{}, { image: ' i' }], 'Invalid spec.containers[0].image'],
  ['pullPolicy bad', [{}, { imagePullPolicy: 'X' }], 'NotSupported spec.containers[0].imagePullPolicy'],
  ['restartPolicy bad', [{ restartPolicy: 'X' }], 'NotSupported spec.restartPolicy'],
  ['dnsPolicy bad', [{ dnsPolicy: 'X' }], 'NotSupported spec.dnsPolicy'],
  ['ads 0', [{ activeDeadlineSeconds: 0 }], 'Invalid spec.activeDeadlineSeconds'],
  ['nodeName bad', [{ nodeName: 'A_' }], 'Invalid spec.nodeName'],
  ['nodeSelector bad', [{ nodeSelector: { 'a b': 'c d' } }], 'Invalid spec.nodeSelector', 'Invalid spec.nodeSelector'],
  ['hostname bad', [{ hostname: 'a.b', subdomain: 'A' }], 'Invalid spec.hostname', 'Invalid spec.subdomain'],
  ['toleration bad op', [{ tolerations: [{ key: 'a', operator: 'X' }] }], 'NotSupported spec.tolerations[0].operator'],
  ['toleration bad effect', [{ tolerations: [{ key: 'a', operator: 'Exists', effect: 'X' }] }], 'NotSupported spec.tolerations[0].effect'],
  ['toleration Exists w value', [{ tolerations: [{ key: 'a', operator: 'Exists', value: 'x' }] }], 'Invalid spec.tolerations[0].operator'],
  ['toleration secs', [{ tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 5 }] }], 'Invalid spec.tolerations[0].effect'],
  ['toleration Equal bad value', [{ tolerations: [{ key: 'a', operator: 'Equal', value: '-x' }] }], 'Invalid spec.tolerations[0].operator'],
  ['port bad', [{}, { ports: [{ containerPort: 70000 }] }], 'Invalid spec.containers[0].ports[0].containerPort'],
  ['port missing', [{}, { ports: [{ name: 'x' }] }], 'Required spec.containers[0].ports[0].containerPort'],
  [
    'port name bad',
    [{}, { ports: [{ name: 'HTTP', containerPort: 1 }] }],
    'Invalid spec.containers[0].ports[0].name',
    'Invalid spec.containers[0].ports[0].name',
  ],
  ['port name long', [{}, { ports: [{ name: 'aaaaaaaaaaaaaaaaaaaa', containerPort: 1 }] }], 'Invalid spec.containers[0].ports[0].name'],
  ['port proto bad', [{}, { ports: [{ protocol: 'X', containerPort: 1 }] }], 'NotSupported spec.containers[0].ports[0].protocol'],
  [
    'hostPort dup',
    [
      {
        containers: [
          { ...c, ports: [{ containerPort: 1, hostPort: 5 }] },
          { ...c, name: 'd', ports: [{ containerPort: 2, hostPort: 5 }] },
        ],
      },
    ],
    'Duplicate spec.containers[1].ports[0].hostPort',
  ],
  ['env no name', [{}, { env: [{ value: 'x' }] }], 'Required spec.containers[0].env[0].name'],
  ['env bad name =', [{}, { env: [{ name: 'a=b' }] }], 'Invalid spec.containers[0].env[0].name'],
  [
    'env value+from',
    [{}, { env: [{ name: 'a', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }],
    'Invalid spec.containers[0].env[0].valueFrom',
  ],
  [
    'env from unknown field',
    [{}, { env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] }],
    'Invalid spec.containers[0].env[0].valueFrom.fieldRef.fieldPath',
  ],
  [
    'env from status.phase',
    [{}, { env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } }] }],
    'NotSupported spec.containers[0].env[0].valueFrom.fieldRef.fieldPath',
  ],
  [
    'env from labels',
    [{}, { env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] }],
    'NotSupported spec.containers[0].env[0].valueFrom.fieldRef.fieldPath',
  ],
  [
    'env secretKeyRef empty',
    [{}, { env: [{ name: 'a', valueFrom: { secretKeyRef: {} } }] }],
    'Invalid spec.containers[0].env[0].valueFrom.secretKeyRef.name',
    'Required spec.containers[0].env[0].valueFrom.secretKeyRef.key',
  ],
  [
    'env configMapKeyRef no key',
    [{}, { env: [{ name: 'a', valueFrom: { configMapKeyRef: { name: 'x' } } }] }],
    'Required spec.containers[0].env[0].valueFrom.configMapKeyRef.key',
  ],
  [
    'env resFieldRef bad',
    [{}, { env: [{ name: 'a', valueFrom: { resourceFieldRef: { resource: 'foo' } } }] }],
    'NotSupported spec.containers[0].env[0].valueFrom.resourceFieldRef.resource',
  ],
  ['envFrom none', [{}, { envFrom: [{}] }], 'Invalid spec.containers[0].envFrom'],
  [
    'envFrom bad prefix',
    [{}, { envFrom: [{ prefix: 'a=', configMapRef: { name: 'x' } }] }],
    'Invalid spec.containers[0].envFrom[0].prefix',
  ],
  [
    'mount no path',
    [{ volumes: [{ name: 'v', emptyDir: {} }] }, { volumeMounts: [{ name: 'v' }] }],
    'Required spec.containers[0].volumeMounts[0].mountPath',
  ],
  [
    'mount dup',
    [
      { volumes: [{ name: 'v', emptyDir: {} }] },
      {
        volumeMounts: [
          { name: 'v', mountPath: '/a' },
          { name: 'v', mountPath: '/a' },
        ],
      },
    ],
    'Invalid spec.containers[0].volumeMounts[1].mountPath',
  ],
  ['mount missing vol', [{}, { volumeMounts: [{ name: 'v', mountPath: '/a' }] }], 'NotFound spec.containers[0].volumeMounts[0].name'],
  [
    'mount subpath ..',
    [{ volumes: [{ name: 'v', emptyDir: {} }] }, { volumeMounts: [{ name: 'v', mountPath: '/a', subPath: '../x' }] }],
    'Invalid spec.containers[0].volumeMounts.subPath',
  ],
  [
    'mount propagation bidir nonpriv',
    [{ volumes: [{ name: 'v', emptyDir: {} }] }, { volumeMounts: [{ name: 'v', mountPath: '/a', mountPropagation: 'Bidirectional' }] }],
    'Forbidden spec.containers[0].volumeMounts.mountPropagation',
  ],
  [
    'vol dup',
    [
      {
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'v', emptyDir: {} },
        ],
      },
    ],
    'Duplicate spec.volumes[1].name',
  ],
  ['vol two sources', [{ volumes: [{ name: 'v', emptyDir: {}, secret: { secretName: 'x' } }] }], 'Forbidden spec.volumes[0].secret'],
  ['vol hostPath no path', [{ volumes: [{ name: 'v', hostPath: {} }] }], 'Required spec.volumes[0].hostPath.path'],
  ['vol hostPath ..', [{ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }], 'Invalid spec.volumes[0].hostPath.path'],
  ['vol hostPath type', [{ volumes: [{ name: 'v', hostPath: { path: '/a', type: 'X' } }] }], 'NotSupported spec.volumes[0].hostPath.type'],
  ['vol secret no name', [{ volumes: [{ name: 'v', secret: {} }] }], 'Required spec.volumes[0].secret.secretName'],
  [
    'vol configMap items',
    [{ volumes: [{ name: 'v', configMap: { name: 'x', items: [{ key: 'a' }, { path: 'b' }] } }] }],
    'Required spec.volumes[0].configMap.items[0].path',
    'Required spec.volumes[0].configMap.items[1].key',
  ],
  [
    'vol secret mode',
    [{ volumes: [{ name: 'v', secret: { secretName: 'x', defaultMode: 1000 } }] }],
    'Invalid spec.volumes[0].secret.defaultMode',
  ],
  ['vol pvc none', [{ volumes: [{ name: 'v', persistentVolumeClaim: {} }] }], 'Required spec.volumes[0].persistentVolumeClaim.claimName'],
  [
    'vol downward',
    [{ volumes: [{ name: 'v', downwardAPI: { items: [{ path: 'a', fieldRef: { fieldPath: 'spec.nodeName' } }] } }] }],
    'NotSupported spec.volumes[0].downwardAPI.fieldRef.fieldPath',
  ],
  ['vol downward none', [{ volumes: [{ name: 'v', downwardAPI: { items: [{ path: 'a' }] } }] }], 'Required spec.volumes[0].downwardAPI'],
  [
    'vol projected sat',
    [{ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 5 } }] } }] }],
    'Invalid spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds',
    'Required spec.volumes[0].projected.path',
  ],
  [
    'vol projected dup path',
    [
      {
        volumes: [
          {
            name: 'v',
            projected: {
              sources: [
                { secret: { name: 'a', items: [{ key: 'k', path: 'p' }] } },
                { configMap: { name: 'b', items: [{ key: 'k', path: 'p' }] } },
              ],
            },
          },
        ],
      },
    ],
    'Invalid spec.volumes[0].projected',
  ],
  ['vol emptyDir size', [{ volumes: [{ name: 'v', emptyDir: { sizeLimit: '-1' } }] }], 'Forbidden spec.volumes[0].emptyDir.sizeLimit'],
  [
    'vol nfs',
    [{ volumes: [{ name: 'v', nfs: { path: 'a' } }] }],
    'Required spec.volumes[0].nfs.server',
    'Invalid spec.volumes[0].nfs.path',
  ],
  ['vol csi', [{ volumes: [{ name: 'v', csi: {} }] }], 'Required spec.volumes[0].csi.driver'],
  [
    'vol ephemeral',
    [{ volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: {} } } }] }],
    'Required spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes',
    'Required spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]',
  ],
  ['vol image', [{ volumes: [{ name: 'v', image: {} }] }], 'Required spec.volumes[0].image.reference'],
  [
    'res neg',
    [{}, { resources: { limits: { cpu: '-1' } } }],
    'Invalid spec.containers[0].resources.limits[cpu]',
    'Invalid spec.containers[0].resources.requests[cpu]',
  ],
  [
    'res ext frac',
    [{}, { resources: { limits: { 'a.b/c': '0.5' } } }],
    'Invalid spec.containers[0].resources.limits[a.b/c]',
    'Invalid spec.containers[0].resources.requests[a.b/c]',
  ],
  ['res ext req!=lim', [{}, { resources: { requests: { 'a.b/c': '1' } } }], 'Required spec.containers[0].resources.limits'],
  [
    'res hugepages req',
    [{}, { resources: { requests: { 'hugepages-2Mi': '2Mi' } } }],
    'Required spec.containers[0].resources.limits',
    'Forbidden spec.containers[0].resources',
  ],
  [
    'res storage',
    [{}, { resources: { limits: { storage: '1Gi' } } }],
    'Invalid spec.containers[0].resources.limits[storage]',
    'Invalid spec.containers[0].resources.requests[storage]',
  ],
  ['probe none', [{}, { livenessProbe: {} }], 'Required spec.containers[0].livenessProbe'],
  [
    'probe two',
    [{}, { livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }],
    'Forbidden spec.containers[0].livenessProbe.tcpSocket',
  ],
  ['probe exec none', [{}, { livenessProbe: { exec: {} } }], 'Required spec.containers[0].livenessProbe.exec.command'],
  [
    'probe http scheme',
    [{}, { livenessProbe: { httpGet: { port: 1, scheme: 'X' } } }],
    'NotSupported spec.containers[0].livenessProbe.httpGet.scheme',
  ],
  ['probe port name bad', [{}, { livenessProbe: { httpGet: { port: '-bad-' } } }], 'Invalid spec.containers[0].livenessProbe.httpGet.port'],
  [
    'probe neg',
    [{}, { livenessProbe: { exec: { command: ['a'] }, periodSeconds: -1, timeoutSeconds: -1 } }],
    'Invalid spec.containers[0].livenessProbe.timeoutSeconds',
    'Invalid spec.containers[0].livenessProbe.periodSeconds',
  ],
  [
    'probe grace ready',
    [{}, { readinessProbe: { exec: { command: ['a'] }, terminationGracePeriodSeconds: 3 } }],
    'Invalid spec.containers[0].readinessProbe.terminationGracePeriodSeconds',
  ],
  ['lifecycle none', [{}, { lifecycle: { preStop: {} } }], 'Required spec.containers[0].lifecycle.preStop'],
  [
    'lifecycle sleep neg',
    [{}, { lifecycle: { preStop: { sleep: { seconds: -1 } } } }],
    'Invalid spec.containers[0].lifecycle.preStop.sleep',
  ],
  [
    'sc priv no esc',
    [{}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }],
    'Invalid spec.containers[0].securityContext',
  ],
  [
    'sc sysctls',
    [
      {
        securityContext: {
          sysctls: [
            { name: '', value: '' },
            { name: 'a b', value: '' },
          ],
        },
      },
    ],
    'Required spec.securityContext.sysctls[0].name',
    'Invalid spec.securityContext.sysctls[1].name',
  ],
  [
    'sc seccomp',
    [{ securityContext: { seccompProfile: { type: 'Localhost' } } }],
    'Required spec.securityContext.seccompProfile.localhostProfile',
  ],
  ['sc seccomp bad', [{ securityContext: { seccompProfile: { type: 'X' } } }], 'NotSupported spec.securityContext.seccompProfile.type'],
  [
    'sc apparmor none',
    [{ securityContext: { appArmorProfile: { type: 'Localhost' } } }],
    'Required spec.securityContext.appArmorProfile.localhostProfile',
  ],
  [
    'affinity none',
    [{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } }],
    'Required spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms',
  ],
  [
    'affinity pod no topo',
    [
      {
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { a: 'b' } } }] } },
      },
    ],
    'Required spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey',
    'Invalid spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey',
    'Invalid spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey',
  ],
  [
    'affinity pod weight',
    [
      {
        affinity: {
          podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: { topologyKey: 'a' } }] },
        },
      },
    ],
    'Invalid spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight',
  ],
  [
    'affinity pod ns',
    [{ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a', namespaces: ['A_'] }] } } }],
    'Invalid spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespace',
  ],
  [
    'tsc bad',
    [{ topologySpreadConstraints: [{}] }],
    'Invalid spec.topologySpreadConstraints[0].maxSkew',
    'Required spec.topologySpreadConstraints[0].topologyKey',
    'NotSupported spec.topologySpreadConstraints[0].whenUnsatisfiable',
  ],
  [
    'tsc minDomains',
    [{ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 0 }] }],
    'Invalid spec.topologySpreadConstraints[0].minDomains',
    'Invalid spec.topologySpreadConstraints[0].minDomains',
  ],
  [
    'tsc nodePolicy',
    [{ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway', nodeTaintsPolicy: 'X' }] }],
    'NotSupported spec.topologySpreadConstraints[0].nodeTaintsPolicy',
  ],
  [
    'gates dup',
    [{ schedulingGates: [{ name: 'a' }, { name: 'a' }, { name: 'A_ b' }] }],
    'Duplicate spec.schedulingGates[1]',
    'Invalid spec.schedulingGates[2]',
  ],
  ['gates+nodeName', [{ nodeName: 'n', schedulingGates: [{ name: 'a.b/c' }] }], 'Forbidden spec.nodeName'],
  ['readinessGates', [{ readinessGates: [{ conditionType: 'a b' }] }], 'Invalid spec.readinessGates[0].conditionType'],
  [
    'hostAliases',
    [{ hostAliases: [{ ip: 'x', hostnames: ['A_'] }] }],
    'Invalid spec.hostAliases[0].ip',
    'Invalid spec.hostAliases[0].hostnames[0]',
  ],
  ['os bad', [{ os: { name: 'x' } }], 'NotSupported spec.os'],
  ['hostUsers false + hostNet', [{ hostUsers: false, hostNetwork: true }], 'Forbidden spec.hostNetwork'],
  ['resizePolicy', [{}, { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'X' }] }], 'NotSupported spec.containers[0].resizePolicy'],
  [
    'resizePolicy2',
    [
      {},
      {
        resizePolicy: [
          { resourceName: 'foo', restartPolicy: 'NotRequired' },
          { resourceName: 'foo', restartPolicy: 'NotRequired' },
        ],
      },
    ],
    'NotSupported spec.containers[0].resizePolicy',
    'Duplicate spec.containers[0].resizePolicy[1]',
    'NotSupported spec.containers[0].resizePolicy',
  ],
  ['pod-level res', [{ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }], 'Invalid spec.resources.requests'],
  ['resourceClaims', [{ resourceClaims: [{ name: 'a' }] }], 'Invalid spec.resourceClaims[0]'],
  [
    'dnsConfig',
    [{ dnsConfig: { nameservers: ['x', '1.1.1.1', '1.1.1.2', '1.1.1.3'], searches: ['_a b'], options: [{}] } }],
    'Invalid spec.dnsConfig.nameservers',
    'Invalid spec.dnsConfig.nameservers[0]',
    'Invalid spec.dnsConfig.searches[0]',
    'Required spec.dnsConfig.options[0]',
  ],
  ['ephemeral on create', [{ ephemeralContainers: [{ ...c, name: 'e' }] }], 'Forbidden spec.ephemeralContainers'],
  [
    'mirror',
    [{}, {}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }],
    'Invalid metadata.annotations[kubernetes.io/config.mirror]',
  ],
  [
    'deletion cost',
    [{}, {}, { annotations: { 'controller.kubernetes.io/pod-deletion-cost': 'x' } }],
    'Invalid metadata.annotations[controller.kubernetes.io/pod-deletion-cost]',
  ],
  ['termMsgPolicy', [{}, { terminationMessagePolicy: 'X' }], 'NotSupported spec.containers[0].terminationMessagePolicy'],
  [
    'volumeDevices',
    [{ volumes: [{ name: 'v', emptyDir: {} }] }, { volumeDevices: [{ name: 'v', devicePath: '/a' }] }],
    'Invalid spec.containers[0].volumeDevices[0].name',
  ],
  ['shareProcessNs', [{ hostPID: true, shareProcessNamespace: true }], 'Invalid spec.securityContext.shareProcessNamespace'],
];

describe('pods are refused for', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  for (const [what, [spec, container, metadata], ...wanted] of cases)
    it(what, async () => {
      const pod = { metadata: { name: 'x', ...metadata }, spec: { containers: [{ ...c, ...container }], ...spec } };
      const { body } = await client.call('POST', '/api/v1/namespaces/default/pods?dryRun=All', pod);
      const causes = (body.details?.causes ?? []).map((x: any) => `${x.reason.replace('FieldValue', '')} ${x.field}`);
      expect(causes, body.message).to.have.members(wanted);
    });
});
