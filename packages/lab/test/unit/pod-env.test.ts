import { expect } from 'chai';
import type { Container, Service } from '../../src/kube.ts';
import { envOf, expand, serviceEnv, type EnvSources } from '../../src/node/env.ts';
import { fieldValue, resourceValue } from '../../src/node/fields.ts';
import { containerNamed, podOf } from '../support.ts';

const place = { podIPs: ['10.1.1.2', 'fd00::2'], hostIPs: ['10.101.0.11'], allocatable: { cpu: '2', memory: '1000Ki' } };
const meta = (name: string, namespace = 'default') => ({ name, namespace, uid: name, resourceVersion: '1' });
const sources: EnvSources = {
  place,
  services: [],
  configMap: async (name) => (name === 'cm' ? { metadata: meta('cm'), data: { a: '1', b: '2' } } : undefined),
  secret: async (name) => (name === 's' ? { metadata: meta('s'), data: { key: Buffer.from('word').toString('base64') } } : undefined),
};
const env = (container: Partial<Container>, more: Partial<EnvSources> = {}) =>
  envOf(podOf(), containerNamed('c', container), { ...sources, ...more });

describe("a container's environment", () => {
  it('has values, earlier variables, fields, and keys of ConfigMaps and Secrets', async () => {
    const variables = [
      { name: 'A', value: 'x' },
      { name: 'B', value: '$(A)/$(NONE)/$$(A)' },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'CM', valueFrom: { configMapKeyRef: { name: 'cm', key: 'a' } } },
      { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'key' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'none', key: 'a', optional: true } } },
    ];
    expect(await env({ env: variables })).to.deep.equal({
      A: 'x',
      B: 'x/$(NONE)/$(A)',
      IP: '10.1.1.2',
      CM: '1',
      S: 'word',
      CPU: '2',
    });
    expect(expand('$(A)', {})).to.equal('$(A)');
  });

  it('takes whole objects with a prefix, and what is named later wins', async () => {
    const envFrom = [
      { prefix: 'P_', configMapRef: { name: 'cm' } },
      { secretRef: { name: 's' } },
      { secretRef: { name: 'x', optional: true } },
    ];
    expect(await env({ envFrom, env: [{ name: 'P_b', value: 'own' }] })).to.deep.equal({ P_a: '1', P_b: 'own', key: 'word' });
  });

  const missing: [Partial<Container>, string][] = [
    [{ envFrom: [{ configMapRef: { name: 'none' } }] }, 'configmap "none" not found'],
    [{ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'none', key: 'a' } } }] }, 'secret "none" not found'],
    [{ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'z' } } }] }, "couldn't find key z in ConfigMap default/cm"],
    [
      { env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.other' } } }] },
      "env X: there is no field 'spec.other': there are metadata.name",
    ],
  ];
  for (const [container, message] of missing) {
    it(`is refused with: ${message}`, async () => {
      const said = await env(container).then(
        () => '',
        (e: Error) => e.message,
      );
      expect(said.startsWith(message), said).to.equal(true);
    });
  }

  const service = (name: string, namespace: string, clusterIP: string): Service => ({
    metadata: meta(name, namespace),
    spec: { clusterIP, ports: [{ name: 'http-web', port: 80 }] },
  });
  const services = [
    service('kubernetes', 'default', '10.0.0.1'),
    service('my-web', 'mine', '10.0.0.2'),
    service('other', 'theirs', '10.0.0.3'),
    service('headless', 'mine', 'None'),
  ];

  it("has the API server's and the namespace's services, as Docker links had them", () => {
    const seen = serviceEnv(podOf({}, { metadata: { namespace: 'mine' } }), services);
    expect(seen).to.include({
      KUBERNETES_SERVICE_HOST: '10.0.0.1',
      MY_WEB_SERVICE_HOST: '10.0.0.2',
      MY_WEB_SERVICE_PORT: '80',
      MY_WEB_SERVICE_PORT_HTTP_WEB: '80',
      MY_WEB_PORT: 'tcp://10.0.0.2:80',
      MY_WEB_PORT_80_TCP: 'tcp://10.0.0.2:80',
      MY_WEB_PORT_80_TCP_ADDR: '10.0.0.2',
    });
    expect(Object.keys(seen).filter((k) => /^(OTHER|HEADLESS)/.test(k))).to.deep.equal([]);
  });

  it('has no service but the API server when links are switched off', () => {
    const seen = serviceEnv(podOf({ enableServiceLinks: false }, { metadata: { namespace: 'mine' } }), services);
    expect(Object.keys(seen).every((k) => k.startsWith('KUBERNETES_'))).to.equal(true);
    expect(seen).to.have.property('KUBERNETES_SERVICE_PORT', '80');
  });
});

describe('a field of a pod', () => {
  const pod = podOf({ nodeName: 'n1' }, { metadata: { labels: { app: 'web', b: 'x"y' }, annotations: { 'a/b': 'c' } } });
  const fields: [string, string][] = [
    ['metadata.name', 'web'],
    ['metadata.namespace', 'default'],
    ['metadata.uid', 'u1'],
    ["metadata.labels['app']", 'web'],
    ["metadata.annotations['a/b']", 'c'],
    ["metadata.labels['none']", ''],
    ['metadata.labels', 'app="web"\nb="x\\"y"'],
    ['spec.nodeName', 'n1'],
    ['spec.serviceAccountName', 'default'],
    ['status.hostIP', '10.101.0.11'],
    ['status.podIPs', '10.1.1.2,fd00::2'],
  ];
  for (const [fieldPath, value] of fields)
    it(`${fieldPath} has its value`, () => expect(fieldValue(pod, { fieldPath }, place)).to.equal(value));
});

describe('a resource of a container', () => {
  const container = containerNamed('c', { resources: { limits: { cpu: '1500m' }, requests: { memory: '64Mi', cpu: '100m' } } });
  const cases: [string, string | undefined, string][] = [
    ['limits.cpu', undefined, '2'],
    ['limits.cpu', '1m', '1500'],
    ['requests.memory', '1Mi', '64'],
    ['requests.memory', undefined, String(64 * 2 ** 20)],
    ['requests.cpu', '1m', '100'],
    ['limits.memory', '1Ki', '1000'],
    ['requests.ephemeral-storage', undefined, '0'],
  ];
  for (const [resource, divisor, value] of cases) {
    it(`${resource} by ${divisor ?? 'nothing'} is ${value}`, () =>
      expect(resourceValue(podOf(), container, { resource, ...(divisor && { divisor }) }, place)).to.equal(value));
  }
});
