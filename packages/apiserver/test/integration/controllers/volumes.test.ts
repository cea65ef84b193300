import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Cluster, PODS, type Obj } from './support.ts';

const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';
const VOLUMES = '/api/v1/persistentvolumes';
const CLASSES = '/apis/storage.k8s.io/v1/storageclasses';

for (const outside of [false, true])
  describe(`Volumes${outside ? ', with those controllers outside of the API server' : ''}`, function () {
    this.timeout(60_000);
    let cluster: Cluster;
    beforeEach(async () => {
      cluster = await Cluster.start({ outside });
      await cluster.node('n1');
      await cluster.node('n2');
    });
    afterEach(() => cluster.stop());

    const claim = (name: string, spec: object = {}): Promise<Obj> =>
      cluster.create(CLAIMS, {
        metadata: { name },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
      });
    const volume = (name: string, storage: string, spec: object = {}): Promise<Obj> =>
      cluster.create(VOLUMES, {
        metadata: { name },
        spec: {
          accessModes: ['ReadWriteOnce'],
          capacity: { storage },
          hostPath: { path: `/none/${name}` },
          storageClassName: 'by-hand',
          ...spec,
        },
      });
    const pod = (name: string, claimName: string, spec: object = {}): Promise<Obj> =>
      cluster.create(PODS, {
        metadata: { name },
        spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }], ...spec },
      });
    const phase = (path: string, wanted: string): Promise<Obj> =>
      cluster.until(`${path} is ${wanted}`, async () => {
        const found = await cluster.get(path);
        return found.status.phase === wanted && found;
      });
    const gone = (path: string): Promise<unknown> =>
      cluster.until(`${path} is gone`, async () => (await cluster.client.call('GET', path)).status === 404);

    it('of the default class are made where the first pod goes, and go with their claims, data and all', async () => {
      await claim('data');
      const waiting = await cluster.until('it has the default class', async () => {
        const found = await cluster.get(`${CLAIMS}/data`);
        return found.spec.storageClassName === 'standard' && found;
      });
      expect(waiting.status.phase).to.equal('Pending');
      await cluster.until('it waits', async () => (await cluster.events('WaitForFirstConsumer')).length > 0);
      await pod('p', 'data', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } });
      const bound = await phase(`${CLAIMS}/data`, 'Bound');
      expect(bound.metadata.annotations).to.include({
        'volume.kubernetes.io/selected-node': 'n2',
        'pv.kubernetes.io/bind-completed': 'yes',
      });
      expect(bound.status).to.deep.include({ accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } });
      const made = await phase(`${VOLUMES}/${bound.spec.volumeName}`, 'Bound');
      expect(made.spec.claimRef).to.include({ name: 'data', namespace: 'default', uid: bound.metadata.uid });
      expect(made.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values).to.deep.equal(['n2']);
      expect(made.spec.persistentVolumeReclaimPolicy).to.equal('Delete');
      const { path } = made.spec.hostPath;
      writeFileSync(join(path, 'file'), 'x');
      await phase(`${PODS}/p`, 'Running');
      await cluster.delete(`${CLAIMS}/data`);
      await cluster.delete(`${VOLUMES}/${bound.spec.volumeName}`);
      expect((await cluster.get(`${CLAIMS}/data`)).metadata.finalizers, 'as long as the pod uses it').to.deep.equal([
        'kubernetes.io/pvc-protection',
      ]);
      expect((await cluster.get(`${VOLUMES}/${bound.spec.volumeName}`)).metadata.finalizers).to.deep.equal(['kubernetes.io/pv-protection']);
      await cluster.delete(`${PODS}/p`);
      await gone(`${CLAIMS}/data`);
      await gone(`${VOLUMES}/${bound.spec.volumeName}`);
      // Deleted by hand before its claim, the volume was not the provisioner's to clean up; the next one is.
      await claim('next');
      await pod('q', 'next');
      const next = await phase(`${CLAIMS}/next`, 'Bound');
      const { hostPath } = (await cluster.get(`${VOLUMES}/${next.spec.volumeName}`)).spec;
      expect(existsSync(hostPath.path)).to.equal(true);
      await cluster.delete(`${PODS}/q`);
      await cluster.delete(`${CLAIMS}/next`);
      await gone(`${VOLUMES}/${next.spec.volumeName}`);
      expect(existsSync(hostPath.path)).to.equal(false);
    });

    it('made by hand are found by class, mode, size and labels: the smallest that is large enough', async () => {
      await volume('large', '10Gi');
      await volume('small', '500Mi');
      await volume('middle', '2Gi');
      await volume('labelled', '1Gi', { storageClassName: 'other' });
      for (const name of ['large', 'small', 'middle']) await phase(`${VOLUMES}/${name}`, 'Available');
      await claim('one', { storageClassName: 'by-hand' });
      expect((await phase(`${CLAIMS}/one`, 'Bound')).spec.volumeName).to.equal('middle');
      expect((await cluster.get(`${CLAIMS}/one`)).status.capacity).to.deep.equal({ storage: '2Gi' });
      await claim('many', { storageClassName: 'by-hand', accessModes: ['ReadWriteMany'] });
      await claim('two', { storageClassName: 'by-hand', volumeName: 'large' });
      await phase(`${CLAIMS}/two`, 'Bound');
      expect((await cluster.get(`${CLAIMS}/many`)).status.phase).to.equal('Pending');
      await cluster.delete(`${CLAIMS}/one`);
      const kept = await phase(`${VOLUMES}/middle`, 'Released');
      expect(kept.spec.claimRef.name, 'by Retain nobody else gets it').to.equal('one');
      await cluster.patch(`${VOLUMES}/middle`, { spec: { claimRef: null } });
      await phase(`${VOLUMES}/middle`, 'Available');
      await cluster.delete(`${VOLUMES}/large`);
      await cluster.patch(`${VOLUMES}/large`, { metadata: { finalizers: null } });
      await phase(`${CLAIMS}/two`, 'Lost');
    });

    it('of an Immediate class are made at once', async () => {
      await cluster.create(CLASSES, { metadata: { name: 'now' }, provisioner: 'apiserver.kosmos.io/host-path', reclaimPolicy: 'Retain' });
      await claim('fast', { storageClassName: 'now' });
      const bound = await phase(`${CLAIMS}/fast`, 'Bound');
      expect((await cluster.get(`${VOLUMES}/${bound.spec.volumeName}`)).spec).not.to.have.property('nodeAffinity');
      await cluster.delete(`${CLAIMS}/fast`);
      const released = await phase(`${VOLUMES}/${bound.spec.volumeName}`, 'Released');
      expect(existsSync(released.spec.hostPath.path), 'Retain keeps the data').to.equal(true);
    });

    it('that are there hold a pod to the nodes that reach them', async () => {
      const nodeAffinity = {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n2'] }] }] },
      };
      await cluster.create(CLASSES, {
        metadata: { name: 'local' },
        provisioner: 'kubernetes.io/no-provisioner',
        volumeBindingMode: 'WaitForFirstConsumer',
      });
      await volume('on-n2', '1Gi', { storageClassName: 'local', nodeAffinity });
      await phase(`${VOLUMES}/on-n2`, 'Available');
      await claim('local', { storageClassName: 'local' });
      await pod('elsewhere', 'local', { nodeSelector: { 'kubernetes.io/hostname': 'n1' } });
      const refused = await cluster.until(
        'it is refused',
        async () => (await cluster.get(`${PODS}/elsewhere`)).status.conditions?.[0]?.message,
      );
      expect(refused)
        .to.contain("1 node(s) didn't find available persistent volumes to bind")
        .and.contain("1 node(s) didn't match Pod's node affinity/selector");
      await pod('there', 'local');
      await phase(`${PODS}/there`, 'Running');
      expect((await cluster.get(`${PODS}/there`)).spec.nodeName).to.equal('n2');
      expect((await cluster.get(`${CLAIMS}/local`)).spec.volumeName).to.equal('on-n2');
    });

    it('that are missing are named by the pod that waits for them', async () => {
      await pod('p', 'none');
      const message = await cluster.until('it is refused', async () => (await cluster.get(`${PODS}/p`)).status.conditions?.[0]?.message);
      expect(message).to.match(/^0\/2 nodes are available: persistentvolumeclaim "none" not found\. preemption: /);
      await claim('none');
      await phase(`${PODS}/p`, 'Running');
    });

    it('that pods bring themselves come and go with them, and count against a quota', async () => {
      const quotas = '/api/v1/namespaces/default/resourcequotas';
      await cluster.create(quotas, {
        metadata: { name: 'q' },
        spec: { hard: { pods: '5', 'requests.cpu': '4', 'requests.storage': '10Gi', 'count/configmaps': '9' } },
      });
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
      await cluster.create(PODS, {
        metadata: { name: 'own' },
        spec: {
          containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '250m' } } }],
          volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }],
        },
      });
      await phase(`${PODS}/own`, 'Running');
      const made = await phase(`${CLAIMS}/own-scratch`, 'Bound');
      expect(made.metadata.ownerReferences[0]).to.include({ kind: 'Pod', name: 'own', controller: true });
      await cluster.until('it is counted', async () => {
        const { used } = (await cluster.get(`${quotas}/q`)).status;
        expect(used).to.deep.equal({ pods: '1', 'requests.cpu': '250m', 'requests.storage': '1Gi', 'count/configmaps': '1' });
        return true;
      });
      await cluster.delete(`${PODS}/own`);
      await gone(`${CLAIMS}/own-scratch`);
      await cluster.until('it is free again', async () => (await cluster.get(`${quotas}/q`)).status.used['requests.storage'] === '0');
    });
  });
