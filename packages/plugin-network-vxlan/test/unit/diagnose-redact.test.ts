import { expect } from 'chai';
import fc from 'fast-check';
import { redact, REDACTED, redactText } from '../../src/diagnose/redact.ts';

const SECRET = 's3cr3t-w0rd-of-nobody';
const TOKEN = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.${SECRET}`;
const KEY = `-----BEGIN EC PRIVATE KEY-----\n${SECRET}\n-----END EC PRIVATE KEY-----`;
const KUBECONFIG = `apiVersion: v1\nkind: Config\nusers:\n  - name: admin\n    user:\n      token: ${SECRET}\n      client-key-data: ${SECRET}\n`;
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Texts that hold a secret, as objects and messages have them. */
const TEXTS = [
  TOKEN,
  KEY,
  KUBECONFIG,
  JSON.stringify({ kind: 'Config', users: [{ user: { token: SECRET } }] }),
  base64(KUBECONFIG),
  base64(base64(KUBECONFIG)),
  base64(KEY),
  `refused: Authorization: Basic ${base64(`admin:${SECRET}`)}`,
  `Get "https://admin:${SECRET}@192.0.2.1:6443/version": x509`,
  `curl -H "Authorization: Bearer ${SECRET}" https://host`,
  `--token=${SECRET} --v=2`,
  `password: "${SECRET}"`,
];
const FIELDS = ['kubeconfig', 'token', 'bearerToken', 'password', 'clientSecret', 'apiKey', 'data', 'stringData'];
const leaks = (value: unknown) => {
  const text = JSON.stringify(value);
  return [SECRET, base64(SECRET).slice(4, 20), base64(KUBECONFIG).slice(8, 60)].filter((part) => text.includes(part));
};

describe('redaction', () => {
  for (const text of TEXTS)
    it(`takes it out of ${JSON.stringify(text.slice(0, 50))}`, () => expect(leaks(redactText(`a ${text} b`))).to.deep.equal([]));

  it('leaves none anywhere in any object, and leaves the rest as it is', () => {
    const field = fc.oneof(
      fc.constantFrom(...TEXTS).map((text) => ['message', text] as const),
      fc.constantFrom(...FIELDS).map((name) => [name, SECRET] as const),
      fc.constantFrom(...FIELDS).map((name) => [name, { deep: [SECRET] }] as const),
      fc.constant(['env', [{ name: 'X', value: SECRET }]] as const),
      fc.constant(['kubectl.kubernetes.io/last-applied-configuration', SECRET] as const),
      fc.constant(['managedFields', [SECRET]] as const),
    );
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie('node'), { maxKeys: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(field, tree, fc.array(fc.constantFrom('spec', 'status', 'items'), { maxLength: 5 }), ([name, secret], other, path) => {
        const object = path.reduceRight<unknown>((inner, key) => (key === 'items' ? [inner] : { [key]: inner, other }), { [name]: secret });
        expect(leaks(redact(object))).to.deep.equal([]);
      }),
    );
  });

  it('leaves alone what is no secret', () => {
    const object = {
      metadata: { name: 'c1-n1', uid: '4f4b3f1c-3f6b-4a53-9d84-0a1d5b6a9f10', annotations: { 'kosmos.io/cluster-role': 'root' } },
      spec: {
        kubeconfigSecretRef: { name: 'kosmos-cluster-c1', namespace: 'kosmos-system' },
        automountServiceAccountToken: false,
        podCIDRs: ['10.244.0.0/24', 'fd00:10:244::/64'],
        server: 'https://192.0.2.1:6443/apis/kosmos.io/v1alpha1/clusternodes/a-very-long-name-of-a-node-in-a-cluster',
        hash: base64('0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'),
        message: "The Secret that spec.kubeconfigSecretRef names does not exist or lacks the key 'kubeconfig'; basic networking is up",
        ca: base64(`-----BEGIN CERTIFICATE-----\n${'MIIB'.repeat(20)}\n-----END CERTIFICATE-----`),
      },
    };
    expect(redact(object)).to.deep.equal(object);
    expect(redact({ kubeconfig: 'x' })).to.deep.equal({ kubeconfig: REDACTED });
  });
});
