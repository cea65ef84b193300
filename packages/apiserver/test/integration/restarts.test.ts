import { expect } from 'chai';
import { causes, Client } from './client.ts';

/* As kube-apiserver 1.36.2 answered the same. */

const PODS = '/api/v1/namespaces/default/pods';
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const RULES = 'spec.containers[0].restartPolicyRules';

const rule = (operator: string, values: number[], action = 'Restart'): object => ({ action, exitCodes: { operator, values } });
const many = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('rules of restarts', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const create = (name: string, container: object, spec: object = {}, query = ''): ReturnType<Client['call']> =>
    client.call('POST', `${PODS}${query}`, {
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
    });

  it('are checked', async () => {
    for (const [what, container, ...expected] of [
      ['good', { restartPolicy: 'Never', restartPolicyRules: [rule('In', [1])] }],
      ['beside a policy that always restarts', { restartPolicy: 'Always', restartPolicyRules: [rule('NotIn', [1, 1, -1])] }],
      ['none', { restartPolicyRules: [] }],
      ['no policy', { restartPolicyRules: [rule('In', [1])] }, 'FieldValueRequired spec.containers[0].restartPolicy'],
      [
        'empty',
        { restartPolicy: 'Never', restartPolicyRules: [{}] },
        `FieldValueNotSupported ${RULES}[0].action`,
        `FieldValueRequired ${RULES}[0].exitCodes`,
      ],
      [
        'no operator',
        { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: {} }] },
        `FieldValueNotSupported ${RULES}[0].exitCodes.operator`,
      ],
      ['too many', { restartPolicy: 'Never', restartPolicyRules: many(21).map(() => rule('In', [1])) }, `FieldValueTooMany ${RULES}`],
      [
        'too many codes',
        { restartPolicy: 'Never', restartPolicyRules: [rule('In', many(256))] },
        `FieldValueTooMany ${RULES}[0].exitCodes.values`,
      ],
    ] as [string, object, ...string[]][])
      expect(causes(await create('checked', container, {}, '?dryRun=All')), what).to.deep.equal([
        expected.length ? '422' : '201',
        ...expected,
      ]);
    const initContainers = [{ name: 'i', image: 'i', restartPolicyRules: [rule('In', [1])] }];
    expect(causes(await create('checked', {}, { initContainers }))).to.deep.equal([
      '422',
      'FieldValueRequired spec.initContainers[0].restartPolicy',
    ]);
    await create('base', {});
    const ephemeralContainers = [{ name: 'e', image: 'i', restartPolicyRules: [rule('In', [1])] }];
    expect(
      causes(await client.call('PATCH', `${PODS}/base/ephemeralcontainers`, { spec: { ephemeralContainers } }, STRATEGIC)),
    ).to.deep.equal(['422', 'FieldValueForbidden spec.ephemeralContainers[0].restartPolicyRules']);
  });

  it('say, with the policies, what of a pod that ended may run again', async () => {
    let n = 0;
    /** Whether a container that ended with a code may be said to run, as one of its kind. */
    async function again(pod: string, container: object, code: number, list: string, other: object[] = []): Promise<boolean> {
      const name = `again-${n++}`;
      const c = { name: 'c', image: 'i', ...container };
      const init = list.startsWith('init');
      const spec = init
        ? { initContainers: [c], containers: [{ name: 'm', image: 'i' }] }
        : { containers: [c, ...other.map((o) => ({ name: 'o', image: 'i', ...o }))] };
      expect((await create(name, {}, { ...spec, restartPolicy: pod })).status).to.equal(201);
      const say = (state: object): ReturnType<Client['call']> => {
        const status = { [list]: [{ name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state }] };
        return client.call('PATCH', `${PODS}/${name}/status`, { status }, STRATEGIC);
      };
      expect((await say({ terminated: { exitCode: code } })).status).to.equal(200);
      const { status, body } = await say({ running: {} });
      if (status !== 200)
        expect(body.details.causes).to.deep.equal([
          {
            reason: 'FieldValueForbidden',
            message: 'Forbidden: may not be transitioned to non-terminated state',
            field: `status.${list}[0].state`,
          },
        ]);
      return status === 200;
    }
    const never = (...restartPolicyRules: object[]): object => ({ restartPolicy: 'Never', restartPolicyRules });
    for (const list of ['containerStatuses', 'initContainerStatuses'])
      for (const [pod, container, code, may] of [
        ['Always', {}, 0, true],
        ['Always', { restartPolicy: 'Never' }, 1, false],
        ['Always', { restartPolicy: 'OnFailure' }, 0, false],
        ['Never', {}, 1, false],
        ['Never', { restartPolicy: 'OnFailure' }, 1, true],
        ['Never', { restartPolicy: 'Always' }, 0, true],
        ['OnFailure', {}, 1, true],
        ['OnFailure', {}, 0, false],
        ['Never', never(rule('In', [1])), 1, true],
        ['Never', never(rule('In', [1])), 2, false],
        ['Never', never(rule('NotIn', [1])), 0, true],
        ['Never', never(rule('In', [1], 'RestartAllContainers')), 2, true],
      ] as const)
        expect(await again(pod, container, code, list), JSON.stringify([pod, container, code, list])).to.equal(may);
    const other = [never(rule('In', [7], 'RestartAllContainers'))];
    expect(await again('Never', { restartPolicy: 'Never' }, 2, 'containerStatuses', other)).to.equal(true);
  });
});
