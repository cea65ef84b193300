import { expect } from 'chai';
import { Cluster, JOBS, PODS, template, TestClock, type Obj } from './support.ts';

const TRACKING = 'batch.kubernetes.io/job-tracking';

describe('Jobs', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let clock: TestClock;
  beforeEach(async () => {
    clock = new TestClock();
    cluster = await Cluster.start({ clock });
    await cluster.node('n1');
  });
  afterEach(() => cluster.stop());

  const job = (name: string, spec: object, end?: string): object => ({
    metadata: { name },
    spec: { ...spec, template: template(name, { restartPolicy: 'Never' }, end ? { annotations: { 'test/end': end } } : {}) },
  });
  const get = (name: string): Promise<Obj> => cluster.get(`${JOBS}/${name}`);
  const ended = (name: string, type: string): Promise<Obj> =>
    cluster.until(`${name} is ${type}`, async () => {
      const found = await get(name);
      return found.status.conditions?.some((c: Obj) => c.type === type && c.status === 'True') && found;
    });

  it('run as many pods as they need, so many at a time, and count each once', async () => {
    await cluster.create(JOBS, job('five', { completions: 5, parallelism: 2 }, 'Succeeded'));
    const { status } = await ended('five', 'Complete');
    expect(status).to.include({ succeeded: 5, ready: 0, terminating: 0 });
    expect(status, 'none of it runs').not.to.have.property('active');
    expect(status.uncountedTerminatedPods).to.deep.equal({});
    expect(status.conditions.map((c: Obj) => [c.type, c.reason])).to.deep.equal([
      ['SuccessCriteriaMet', 'CompletionsReached'],
      ['Complete', 'CompletionsReached'],
    ]);
    expect(status.completionTime).to.be.a('string');
    const pods = await cluster.pods('batch.kubernetes.io/job-name=five');
    expect(pods).to.have.lengthOf(5);
    expect(pods.filter((p) => p.metadata.finalizers?.includes(TRACKING))).to.deep.equal([]);
    expect(await cluster.events('Completed')).to.deep.equal(['Job completed']);
  });

  it('with indexes give each pod its own, and make a failed one again', async () => {
    await cluster.create(JOBS, job('idx', { completions: 3, parallelism: 3, completionMode: 'Indexed' }));
    const running = await cluster.until('three run', async () => {
      const pods = await cluster.pods('job-name=idx');
      return pods.length === 3 && pods.every((p) => p.status.phase === 'Running') && pods;
    });
    const indexOf = (p: Obj): string => p.metadata.annotations['batch.kubernetes.io/job-completion-index'];
    expect(running.map(indexOf).sort()).to.deep.equal(['0', '1', '2']);
    const of = (i: string): Obj => running.find((p: Obj) => indexOf(p) === i);
    expect(of('1').spec.hostname).to.equal('idx-1');
    expect(of('1').metadata.name).to.match(/^idx-1-/);
    expect(of('1').spec.containers[0].env[0].name).to.equal('JOB_COMPLETION_INDEX');
    await cluster.setPod('default', of('0').metadata.name, 'Succeeded');
    await cluster.setPod('default', of('2').metadata.name, 'Succeeded');
    await cluster.setPod('default', of('1').metadata.name, 'Failed');
    await cluster.until(
      'both are counted',
      async () => (await get('idx')).status.completedIndexes === '0,2' && (await get('idx')).status.failed === 1,
    );
    expect(
      (await cluster.pods('job-name=idx')).filter((p) => p.status.phase === 'Running'),
      'not at once',
    ).to.deep.equal([]);
    clock.advance(11);
    const again = await cluster.until('it runs again', async () =>
      (await cluster.pods('job-name=idx')).find((p) => p.status.phase === 'Running'),
    );
    expect(indexOf(again)).to.equal('1');
    await cluster.setPod('default', again.metadata.name, 'Succeeded');
    expect((await ended('idx', 'Complete')).status).to.include({ succeeded: 3, failed: 1, completedIndexes: '0-2' });
  });

  it('with a limit for each index go on with the others, and fail when all are done', async () => {
    const spec = { completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 1 };
    await cluster.create(JOBS, job('each', spec));
    const running = (n: number): Promise<Obj[]> =>
      cluster.until(`${n} run`, async () => {
        const pods = (await cluster.pods('job-name=each')).filter((p) => p.status.phase === 'Running');
        return pods.length === n && pods;
      });
    const of = (pods: Obj[], i: string): Obj => pods.find((p) => p.metadata.annotations['batch.kubernetes.io/job-completion-index'] === i);
    const first = await running(3);
    expect(of(first, '1').metadata.annotations['batch.kubernetes.io/job-index-failure-count']).to.equal('0');
    await cluster.setPod('default', of(first, '1').metadata.name, 'Failed');
    await cluster.setPod('default', of(first, '0').metadata.name, 'Succeeded');
    await cluster.until('it is counted', async () => (await get('each')).status.failed === 1);
    expect((await get('each')).status.failedIndexes, 'it may fail once more').to.equal('');
    clock.advance(11);
    const again = of(await running(2), '1');
    expect(again.metadata.annotations['batch.kubernetes.io/job-index-failure-count']).to.equal('1');
    await cluster.setPod('default', again.metadata.name, 'Failed');
    await cluster.until('the index has failed', async () => (await get('each')).status.failedIndexes === '1');
    clock.advance(21);
    expect((await get('each')).status.conditions, 'the others go on').to.equal(undefined);
    await cluster.setPod('default', of(first, '2').metadata.name, 'Succeeded');
    const { status } = await ended('each', 'Failed');
    expect(status).to.include({ completedIndexes: '0,2', failedIndexes: '1', succeeded: 2, failed: 2 });
    expect(status.conditions.at(-1)).to.include({ reason: 'FailedIndexes', message: 'Job has failed indexes' });
    await cluster.create(JOBS, job('few', { ...spec, backoffLimitPerIndex: 0, maxFailedIndexes: 0 }, 'Failed'));
    expect((await ended('few', 'Failed')).status.conditions.at(-1)).to.include({ reason: 'MaxFailedIndexesExceeded' });
  });

  it('succeed as their policy says, and end what still runs then', async () => {
    const rules = [{ succeededIndexes: '0,2', succeededCount: 2 }, { succeededIndexes: '1-2' }, { succeededCount: 3 }];
    await cluster.create(JOBS, job('led', { completions: 4, parallelism: 4, completionMode: 'Indexed', successPolicy: { rules } }));
    const pods = await cluster.until('4 run', async () => {
      const found = (await cluster.pods('job-name=led')).filter((p) => p.status.phase === 'Running');
      return found.length === 4 && found;
    });
    const of = (i: number): Obj => pods.find((p) => p.metadata.annotations['batch.kubernetes.io/job-completion-index'] === String(i));
    for (const [n, index] of [1, 0].entries()) {
      await cluster.setPod('default', of(index).metadata.name, 'Succeeded');
      await cluster.until(`${index} is counted`, async () => (await get('led')).status.succeeded === n + 1);
    }
    expect((await get('led')).status.conditions, 'no rule is met yet').to.equal(undefined);
    await cluster.setPod('default', of(2).metadata.name, 'Succeeded');
    const { status } = await ended('led', 'Complete');
    expect(status.conditions.map((c: Obj) => [c.type, c.reason, c.message])).to.deep.equal([
      ['SuccessCriteriaMet', 'SuccessPolicy', 'Matched rules at index 0'],
      ['Complete', 'SuccessPolicy', 'Matched rules at index 0'],
    ]);
    expect(status).to.include({ succeeded: 3, completedIndexes: '0-2' });
    expect((await cluster.pods('job-name=led')).map((p) => p.metadata.name)).to.not.include(of(3).metadata.name);
  });

  it('fail when too many pods have', async () => {
    await cluster.create(JOBS, job('bad', { backoffLimit: 1 }, 'Failed'));
    await cluster.until('one failed', async () => (await get('bad')).status.failed === 1);
    clock.advance(11);
    const { status } = await ended('bad', 'Failed');
    expect(status.failed).to.equal(2);
    expect(status.conditions.map((c: Obj) => [c.type, c.reason, c.message])).to.deep.equal([
      ['FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit'],
      ['Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit'],
    ]);
  });

  it('fail at once, or do not count it, as the failure policy says', async () => {
    const podFailurePolicy = {
      rules: [
        { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      ],
    };
    await cluster.create(JOBS, job('policy', { podFailurePolicy }));
    const pod = await cluster.until('it runs', async () =>
      (await cluster.pods('job-name=policy')).find((p) => p.status.phase === 'Running'),
    );
    await cluster.setPod('default', pod.metadata.name, 'Failed', false, 42);
    const { status } = await ended('policy', 'Failed');
    expect(status.conditions.at(-1)).to.include({
      reason: 'PodFailurePolicy',
      message: `Container c for pod default/${pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0`,
    });
  });

  it('end at their deadline, stand while suspended, and go some time after their end', async () => {
    await cluster.create(JOBS, job('long', { activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 100, suspend: true }));
    await cluster.until('it is suspended', async () => (await get('long')).status.conditions?.[0]?.reason === 'JobSuspended');
    expect(await cluster.pods('job-name=long')).to.deep.equal([]);
    await cluster.patch(`${JOBS}/long`, { spec: { suspend: false } });
    await cluster.until('it runs', async () => (await get('long')).status.ready === 1);
    clock.advance(62);
    expect((await ended('long', 'Failed')).status.conditions.at(-1)).to.include({
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    });
    expect(await cluster.pods('job-name=long')).to.deep.equal([]);
    clock.advance(102);
    await cluster.until('it is gone', async () => (await cluster.client.call('GET', `${JOBS}/long`)).status === 404);
  });

  it('let their pods go when they are deleted', async () => {
    await cluster.create(JOBS, job('gone', {}));
    await cluster.until('it runs', async () => (await get('gone')).status.ready === 1);
    await cluster.delete(`${JOBS}/gone`, { propagationPolicy: 'Background' });
    await cluster.until('they are gone', async () => (await cluster.pods('job-name=gone')).length === 0);
  });

  it('are made by CronJobs when their time comes, once, and forgotten later', async () => {
    const crons = '/apis/batch/v1/namespaces/default/cronjobs';
    const spec = {
      schedule: '*/5 * * * *',
      concurrencyPolicy: 'Forbid',
      successfulJobsHistoryLimit: 1,
      jobTemplate: { spec: { template: template('tick', { restartPolicy: 'Never' }) } },
    };
    await cluster.create(crons, { metadata: { name: 'tick' }, spec });
    const jobs = async (): Promise<Obj[]> => ((await cluster.get(JOBS)) as Obj[]).filter((j) => j.metadata.name.startsWith('tick-'));
    clock.advance(300);
    await cluster.nodeStatus('n1', 'True');
    const [first] = await cluster.until('a job is there', async () => (await jobs()).length === 1 && jobs());
    const at = Date.parse(first.metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp']);
    expect(first.metadata.name).to.equal(`tick-${at / 60_000}`);
    expect(new Date(at).getUTCMinutes() % 5).to.equal(0);
    const pod = await cluster.until('its pod runs', async () => (await cluster.pods('app=tick')).find((p) => p.status.phase === 'Running'));
    clock.advance(300);
    await cluster.nodeStatus('n1', 'True');
    await cluster.until('the next is left out', async () => (await cluster.events('JobAlreadyActive')).length > 0);
    expect(await jobs()).to.have.lengthOf(1);
    await cluster.setPod('default', pod.metadata.name, 'Succeeded');
    await cluster.until('the missed one is made up for', async () => (await jobs()).length === 2);
    expect((await cluster.get(`${crons}/tick`)).status.lastSuccessfulTime).to.be.a('string');
    const second = await cluster.until('its pod runs', async () =>
      (await cluster.pods('app=tick')).find((p) => p.status.phase === 'Running'),
    );
    await cluster.setPod('default', second.metadata.name, 'Succeeded');
    await cluster.until(
      'the older one is forgotten',
      async () => (await jobs()).length === 1 && (await jobs())[0].metadata.name !== first.metadata.name,
    );
    expect(await cluster.get(`${PODS}`)).to.have.lengthOf(1);
  });
});
