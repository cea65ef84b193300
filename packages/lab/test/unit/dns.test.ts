import { createServer as createTcp } from 'node:net';
import { createSocket } from 'node:dgram';
import { expect } from 'chai';
import fc from 'fast-check';
import { decode, encode, type Message, type RecordType, type ResourceRecord } from '@kosmos/dns-wire';
import { cleanUp, onCleanUp } from '@kosmos/testing';
import { withKubeconfig } from '../../src/dns/binary.ts';
import { addressKey, addressOf, type ClusterView } from '../../src/dns/cluster-records.ts';
import { corefileConfig } from '../../src/dns/config.ts';
import { CorefileError, parseCorefile, printCorefile } from '../../src/dns/corefile.ts';
import { Dns } from '../../src/dns/dns.ts';
import { COREFILE } from '../../src/dns/objects.ts';
import { answer } from '../../src/dns/server.ts';
import type { EndpointSlice, Service } from '../../src/services.ts';
import { service, slice } from '../support/services.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const headless = service({ clusterIP: 'None', clusterIPs: ['None'] }, 'db');
const services: Service[] = [
  service({}),
  service({ clusterIP: '10.201.0.8', clusterIPs: ['10.201.0.8', 'fd20::8'] }, 'dual'),
  headless,
  service({ clusterIP: 'None', clusterIPs: ['None'] }, 'empty'),
  service({ type: 'ExternalName', clusterIPs: [], clusterIP: '', externalName: 'web.default.svc.cluster.local' }, 'alias'),
];
const slices: EndpointSlice[] = [
  slice(
    [{ addresses: ['10.1.1.2'], hostname: 'db-0' }, { addresses: ['10.1.1.3'] }, { addresses: ['10.1.1.4'], conditions: { ready: false } }],
    'db',
  ),
  slice([{ addresses: ['10.1.1.9'] }]),
];
const view: ClusterView = {
  service: (namespace, name) => services.find((s) => s.metadata.namespace === namespace && s.metadata.name === name),
  slices: (_, name) => slices.filter((s) => s.metadata.labels?.['kubernetes.io/service-name'] === name),
  hasNamespace: (name) => ['default', 'kube-system'].includes(name),
  servicesAt: (ip) => services.filter((s) => s.spec?.clusterIPs?.some((i) => i !== 'None' && addressKey(i) === addressKey(ip))),
  slicesAt: (ip) => slices.filter((s) => s.endpoints?.some((e) => e.addresses.includes(ip))),
  self: ['10.201.0.10'],
};
/** Port 0 is a free one; the handler is asked without a socket. */
async function served(
  corefile: string,
  log: object = silent,
): Promise<(name: string, type?: RecordType) => Promise<ReturnType<typeof decode>>> {
  const dns = new Dns({ addresses: ['127.0.0.1'], view, log: log as never, portOf: () => 0 });
  onCleanUp(async () => dns.close());
  await dns.serve(corefile);
  return async (name, type = 'A') => {
    const query: Message = { id: 7, recursionDesired: true, questions: [{ name, type }] };
    const reply = await answer(
      encode(query),
      (n) => dns.route(53)(n),
      log as never,
      () => 0xffff,
    );
    return decode(reply as Uint8Array);
  };
}
const data = (records: readonly ResourceRecord[]) => records.map((r) => r.data);
const PLAIN = COREFILE.replaceAll(/^ *(health|ready|loadbalance)\n/gm, '');

describe('a Corefile', () => {
  it('is read in blocks of zones, plugins and options, and printed so that it reads the same', () => {
    const text =
      `# a comment\n(x.example, y.example):1053 z.example {\n cache 30 {\n  disable success cluster.local # why\n }\n hosts "a file" { 10.0.0.1 a b\n }\n}\n`.replace(
        '(x.example, y.example):1053',
        'x.example:1053',
      );
    const [block] = parseCorefile(text);
    expect(block?.zones).to.deep.equal([
      { zone: 'x.example', port: 1053 },
      { zone: 'z.example', port: 53 },
    ]);
    expect(block?.plugins.map((p) => [p.words, p.block.map((o) => o.words)])).to.deep.equal(
      [
        [['cache', '30'], [['disable', 'success', 'cluster.local']]],
        [['hosts', 'a file'], []],
      ].map((x, i) => (i === 1 ? [['hosts', 'a file'], [['10.0.0.1', 'a', 'b']]] : x)),
    );
    const strip = (blocks: ReturnType<typeof parseCorefile>) =>
      JSON.stringify(blocks, (key, value: unknown) => (key === 'line' ? undefined : value));
    expect(strip(parseCorefile(printCorefile(parseCorefile(COREFILE))))).to.equal(strip(parseCorefile(COREFILE)));
  });

  it('that has no end is refused with the line; whatever it is, nothing else is thrown', () => {
    expect(() => parseCorefile('.:53 {\n errors\n')).to.throw(CorefileError, /line 1/);
    expect(() => parseCorefile('.:53\n')).to.throw(CorefileError, /no braces/);
    const part = fc.constantFrom(
      '{',
      '}',
      '\n',
      ' ',
      '.:53',
      'cache',
      'forward',
      '"',
      '#',
      '.',
      '10.0.0.1',
      'rewrite name regex (',
      'hosts',
      'fallthrough',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        try {
          corefileConfig(parts.join(''));
        } catch (error) {
          expect(error).to.be.instanceOf(CorefileError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('with plugins and options that are not known is served without them, and says so', () => {
    const { blocks, warnings } = corefileConfig(
      '. {\n autopath @kubernetes\n cache {\n  magic 1\n }\n prometheus :9153\n forward . tls://9.9.9.9\n}\n',
    );
    expect(warnings).to.have.length(4);
    expect(warnings.join('\n')).to.include('line 2: autopath @kubernetes').and.include('line 4: magic 1').and.include('tls://9.9.9.9');
    expect(blocks[0]?.cache).to.not.equal(undefined);
    expect(corefileConfig(COREFILE).warnings).to.deep.equal([]);
  });

  it('for a binary says where the API server is', () => {
    expect(withKubeconfig(COREFILE, '/x/kubeconfig')).to.match(/ttl 30\n +kubeconfig \/x\/kubeconfig\n/);
    expect(withKubeconfig('. {\n kubernetes a { kubeconfig /y\n }\n}', '/x')).to.not.include('/x');
  });
});

describe('the cluster DNS', () => {
  afterEach(cleanUp);

  it('knows services by their addresses, in each family', async () => {
    const ask = await served(PLAIN);
    const web = await ask('Web.default.svc.cluster.local');
    expect(web.answers).to.deep.equal([{ name: 'Web.default.svc.cluster.local', type: 'A', class: 'IN', ttl: 30, data: '10.201.0.9' }]);
    expect([web.authoritative, web.response, web.id]).to.deep.equal([true, true, 7]);
    expect(data((await ask('dual.default.svc.cluster.local', 'AAAA')).answers)).to.deep.equal(['fd20::8']);
  });

  it('knows headless ones by their ready endpoints, and each endpoint by its hostname or address', async () => {
    const ask = await served(PLAIN);
    expect(data((await ask('db.default.svc.cluster.local')).answers)).to.have.members(['10.1.1.2', '10.1.1.3']);
    expect(data((await ask('db-0.db.default.svc.cluster.local')).answers)).to.deep.equal(['10.1.1.2']);
    expect(data((await ask('10-1-1-3.db.default.svc.cluster.local')).answers)).to.deep.equal(['10.1.1.3']);
    expect((await ask('empty.default.svc.cluster.local')).rcode).to.equal('NXDOMAIN');
  });

  it('gives ports by SRV, with the addresses beside them', async () => {
    const ask = await served(PLAIN);
    const one = await ask('_http._tcp.web.default.svc.cluster.local', 'SRV');
    expect(data(one.answers)).to.deep.equal([{ priority: 0, weight: 100, port: 80, target: 'web.default.svc.cluster.local' }]);
    expect(data(one.additionals)).to.deep.equal(['10.201.0.9']);
    const many = await ask('_http._tcp.db.default.svc.cluster.local', 'SRV');
    expect(data(many.answers)).to.deep.equal(
      ['db-0', '10-1-1-3'].map((host) => ({ priority: 0, weight: 50, port: 8080, target: `${host}.db.default.svc.cluster.local` })),
    );
    expect((await ask('_none._tcp.web.default.svc.cluster.local', 'SRV')).rcode).to.equal('NXDOMAIN');
  });

  it('follows external names, knows pods by their addresses, and the names of addresses', async () => {
    const ask = await served(PLAIN);
    expect(data((await ask('alias.default.svc.cluster.local')).answers)).to.deep.equal(['web.default.svc.cluster.local', '10.201.0.9']);
    expect(data((await ask('10-1-1-7.default.pod.cluster.local')).answers)).to.deep.equal(['10.1.1.7']);
    expect((await ask('10-1-1-7.none.pod.cluster.local')).rcode).to.equal('NXDOMAIN');
    expect(data((await ask('9.0.201.10.in-addr.arpa', 'PTR')).answers)).to.deep.equal(['web.default.svc.cluster.local']);
    expect(data((await ask('2.1.1.10.in-addr.arpa', 'PTR')).answers)).to.deep.equal(['db-0.db.default.svc.cluster.local']);
    const v6 = `${'8'}.${Array.from({ length: 27 }, () => '0').join('.')}.0.2.d.f.ip6.arpa`;
    expect(addressOf(v6)).to.equal('fd20::8');
    expect(data((await ask(v6, 'PTR')).answers)).to.deep.equal(['dual.default.svc.cluster.local']);
  });

  it('tells a name without such records from one that is not there, with the SOA', async () => {
    const ask = await served(PLAIN);
    for (const [name, rcode] of [
      ['web.default.svc.cluster.local', 'NOERROR'],
      ['default.svc.cluster.local', 'NOERROR'],
      ['svc.cluster.local', 'NOERROR'],
      ['none.default.svc.cluster.local', 'NXDOMAIN'],
      ['x.none.svc.cluster.local', 'NXDOMAIN'],
      ['example.cluster.local', 'NXDOMAIN'],
    ] as const) {
      const reply = await ask(name, 'AAAA');
      expect([name, reply.rcode, reply.authorities[0]?.type]).to.deep.equal([name, rcode, 'SOA']);
    }
    expect(data((await ask('cluster.local', 'NS')).answers)).to.deep.equal(['ns.dns.cluster.local']);
    expect(data((await ask('ns.dns.cluster.local')).answers)).to.deep.equal(['10.201.0.10']);
    expect(data((await ask('dns-version.cluster.local', 'TXT')).answers)).to.deep.equal([['1.1.0']]);
    expect((await ask('example.com')).rcode).to.equal('REFUSED');
  });

  it('refuses what is no query, and never falls over one', async () => {
    const ask = (bytes: Uint8Array) =>
      answer(
        bytes,
        () => undefined,
        silent as never,
        () => 512,
      );
    const rcode = async (m: Message) => decode((await ask(encode(m))) as Uint8Array).rcode;
    const questions = [{ name: 'a', type: 'A' }] as const;
    expect(await rcode({ id: 1, opcode: 5, questions })).to.equal('NOTIMP');
    expect(await rcode({ id: 1 })).to.equal('FORMERR');
    expect(await rcode({ id: 1, questions, edns: { udpSize: 512, version: 1 } })).to.equal('BADVERS');
    expect(await ask(encode({ id: 1, response: true, questions }))).to.equal(undefined);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (b) => void (await ask(b))),
      { numRuns: 500 },
    );
  });

  it('reads another Corefile when it changes, keeps the old one when that is wrong, and asks for reload', async () => {
    const said: string[] = [];
    const log = { ...silent, error: (_: object, text: string) => said.push(text), warn: (_: object, text: string) => said.push(text) };
    const dns = new Dns({ addresses: ['127.0.0.1'], view, log: log as never, portOf: () => 0 });
    onCleanUp(async () => dns.close());
    const ask = async (name: string) =>
      decode((await answer(encode({ id: 1, questions: [{ name, type: 'A' }] }), dns.route(53), silent as never, () => 512)) as Uint8Array);
    const hosts = (ip: string, more = '') => `. {\n reload\n hosts {\n ${ip} a.example\n }\n}\n${more}`;
    await dns.serve(hosts('10.0.0.1'));
    expect(data((await ask('a.example')).answers)).to.deep.equal(['10.0.0.1']);
    await dns.serve('. {');
    expect(said).to.deep.equal(['the Corefile cannot be served; the one before it stays']);
    await dns.serve(hosts('10.0.0.2', 'stub.example {\n hosts {\n 10.0.0.3 b.stub.example\n }\n}\n').replace(' reload\n', ''));
    expect(data((await ask('a.example')).answers)).to.deep.equal(['10.0.0.2']);
    expect(data((await ask('b.stub.example')).answers)).to.deep.equal(['10.0.0.3']);
    await dns.serve(hosts('10.0.0.4'));
    expect(said.at(-1)).to.include('had no plugin reload');
  });

  it('rewrites names so that who asks does not see it', async () => {
    const ask = await served(
      `. {\n rewrite name exact short.example web.default.svc.cluster.local\n rewrite name regex (.*)\\.in\\.lab {1}.default.svc.cluster.local\n kubernetes cluster.local\n}\n`,
    );
    expect((await ask('short.example')).answers).to.deep.include({
      name: 'short.example',
      type: 'A',
      class: 'IN',
      ttl: 5,
      data: '10.201.0.9',
    });
    expect(data((await ask('web.in.lab')).answers)).to.deep.equal(['10.201.0.9']);
  });

  it('forwards to others, by TCP when the answer was cut, keeps answers, and is patient with those that do not answer', async () => {
    const many = Array.from({ length: 100 }, (_, i): ResourceRecord => ({ name: 'big.example', type: 'A', ttl: 60, data: `10.9.0.${i}` }));
    let asked = 0;
    const reply = (bytes: Uint8Array, limit: number) => {
      asked += 1;
      const { id, questions } = decode(bytes);
      return encode({ id, response: true, questions, answers: many }, { limit });
    };
    const tcp = createTcp((socket) =>
      socket.on('data', (b) => {
        const r = reply(b.subarray(2), 0xffff);
        socket.write(Buffer.concat([Buffer.from([r.length >> 8, r.length & 255]), r]));
      }),
    );
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const { port } = tcp.address() as { port: number };
    const udp = createSocket('udp4').on('message', (b, from) => udp.send(reply(b, 512), from.port, from.address));
    await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
    onCleanUp(async () => (udp.close(), void tcp.close()));
    const ask = await served(`. {\n cache 10\n forward . 127.0.0.1:1 127.0.0.1:${port} {\n policy sequential\n }\n}\n`);
    expect((await ask('big.example')).answers).to.have.length(100);
    expect(asked).to.equal(2);
    const [first] = (await ask('BIG.example')).answers;
    expect([asked, first?.name]).to.deep.equal([2, 'BIG.example']);
  });
});
