import { connect } from 'node:http2';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { Client, configMap, MAPS } from './client.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

describe('/metrics', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  /** The values of a metric by their labels as they are written. */
  async function values(name: string): Promise<Record<string, number>> {
    const { text } = await client.call('GET', '/metrics');
    const found = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return Object.fromEntries(found.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
  }
  const total = (code: number, rest: string): string => {
    const [group, resource, scope, subresource, verb, dryRun = ''] = rest.split(',');
    return `{code="${code}",component="apiserver",dry_run="${dryRun}",group="${group}",resource="${resource}",scope="${scope}",subresource="${subresource}",system_client="",verb="${verb}",version="v1"}`;
  };

  it('is text that Prometheus reads, for whoever may', async () => {
    const { status, headers, text } = await client.call('GET', '/metrics');
    expect([status, headers['content-type']]).to.deep.equal([200, 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores']);
    const sample = /^[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [-+.e\d]+$/;
    expect(text.split('\n').filter((line) => line && !line.startsWith('# ') && !sample.test(line))).to.deep.equal([]);
    expect((await client.call('GET', '/metrics', undefined, { authorization: '' })).status).to.equal(403);
    const monitor = new Client(client.server, client.server.issueToken('m', ['system:monitoring']));
    expect((await monitor.call('GET', '/metrics')).status).to.equal(200);
  });

  it('counts requests by the labels of Kubernetes, and no request that was not let in', async () => {
    await client.call('DELETE', '/metrics');
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    await client.call('POST', `${MAPS}?dryRun=All`, configMap('a'));
    for (const name of ['a', 'b']) await client.call('POST', MAPS, configMap(name));
    await client.call('GET', `${MAPS}/a`);
    await client.call('GET', `${MAPS}/none`);
    await client.call('GET', MAPS);
    await client.call('GET', '/api/v1/configmaps');
    await client.call('PATCH', `${MAPS}/c?fieldManager=m`, configMap('c'), apply);
    await client.call('GET', `${DEPLOYMENTS}/none/scale`);
    await client.call('GET', '/readyz');
    await client.call('PUT', MAPS);
    await client.call('GET', MAPS, undefined, { authorization: '' });
    await eventually(async () =>
      expect(await values('apiserver_request_total')).to.deep.equal({
        [total(201, ',configmaps,resource,,POST,All')]: 1,
        [total(201, ',configmaps,resource,,POST')]: 2,
        [total(200, ',configmaps,resource,,GET')]: 1,
        [total(404, ',configmaps,resource,,GET')]: 1,
        [total(200, ',configmaps,namespace,,LIST')]: 1,
        [total(200, ',configmaps,cluster,,LIST')]: 1,
        [total(201, ',configmaps,resource,,APPLY')]: 1,
        [total(404, 'apps,deployments,resource,scale,GET')]: 1,
        '{code="200",component="",dry_run="",group="",resource="",scope="",subresource="/readyz",system_client="",verb="GET",version=""}': 1,
      }),
    );
    const posts =
      'component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"';
    const buckets = await values('apiserver_request_duration_seconds_bucket');
    const counted = Object.entries(buckets).filter(([labels]) => labels.startsWith(`{${posts},le=`));
    expect([counted.length, counted.at(-1)]).to.deep.equal([24, [`{${posts},le="+Inf"}`, 2]]);
    expect(
      counted.every(([, n], i) => n >= (counted[i - 1]?.[1] ?? 0)),
      'each bucket has those before it',
    ).to.equal(true);
    expect((await values('apiserver_request_duration_seconds_count'))[`{${posts}}`]).to.equal(2);
    const sum = (await values('apiserver_request_duration_seconds_sum'))[`{${posts}}`]!;
    expect(sum).to.be.greaterThan(0).and.lessThan(60);
  });

  it('shows what is open and at work, over both protocols', async () => {
    const watch = '{component="apiserver",group="",resource="configmaps",scope="namespace",subresource="",verb="WATCH",version="v1"}';
    const open = (n: number): Promise<unknown> =>
      eventually(async () => expect((await values('apiserver_longrunning_requests'))[watch]).to.equal(n));
    const session = connect(client.server.url, { ca: client.server.ca });
    const stream = session.request({
      ':path': `${MAPS}?watch=1`,
      authorization: `Bearer ${client.server.issueToken('w', ['system:masters'])}`,
    });
    stream.on('error', () => {});
    const lines = client.watch(`${MAPS}?watch=1&resourceVersion=0`, { lines: 5 }, () => open(2).then(() => stream.close()));
    await open(1);
    for (const name of ['d', 'e', 'f', 'g', 'h']) await client.call('POST', MAPS, configMap(name));
    await lines;
    await open(0);
    session.close();
    await eventually(async () => expect((await values('apiserver_request_total'))[total(200, ',configmaps,namespace,,WATCH')]).to.equal(2));

    const all = Array.from({ length: 8 }, (_, i) => client.call('POST', MAPS, configMap(`at-once-${i}`)));
    await Promise.all(all);
    expect((await values('apiserver_current_inflight_requests'))['{request_kind="mutating"}']).to.be.within(1, 8);
    await eventually(async () => expect((await values('apiserver_current_inflight_requests'))['{request_kind="mutating"}']).to.equal(0));
  });

  it('counts the objects of each kind, and looks at its process', async () => {
    const maps = (await client.call('GET', '/api/v1/configmaps')).body.items.length;
    const stored = await values('apiserver_storage_objects');
    expect(stored).to.deep.include({ '{resource="configmaps"}': maps, '{resource="deployments.apps"}': 0, '{resource="namespaces"}': 4 });
    expect(stored).not.to.have.property('{resource="tokenreviews.authentication.k8s.io"}');
    expect(await values('apiserver_resource_objects')).to.deep.include({ '{group="apps",resource="deployments"}': 0 });
    const [start] = Object.values(await values('process_start_time_seconds'));
    expect(start).to.be.closeTo(Date.now() / 1000 - process.uptime(), 2);
    for (const name of ['cpu_seconds_total', 'resident_memory_bytes', 'open_fds', 'max_fds', 'virtual_memory_bytes'])
      expect(Object.values(await values(`process_${name}`))[0], name).to.be.greaterThan(0);
  });
});
