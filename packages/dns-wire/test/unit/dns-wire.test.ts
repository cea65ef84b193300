import { expect } from 'chai';
import packet from 'dns-packet';
import fc from 'fast-check';
import { decode, DnsWireError, encode, type Decoded, type Message, type ResourceRecord } from '../../src/index.ts';

const u8 = fc.nat(255);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
/** A label's bytes as they are written in a name. */
const label = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...'abcXYZ019-_') },
      fc.nat(255).map((n) => String.fromCharCode(n)),
    ),
    { minLength: 1, maxLength: 20 },
  )
  .map((chars) =>
    chars.map((c) => (/[.\\]/.test(c) ? `\\${c}` : /[!-~]/.test(c) ? c : `\\${c.charCodeAt(0).toString().padStart(3, '0')}`)).join(''),
  );
const name = fc.array(label, { maxLength: 6 }).map((labels) => labels.join('.') || '.');
const ipv4 = fc.ipV4();
const ipv6 = fc
  .array(u16, { minLength: 8, maxLength: 8 })
  .map((words) => new URL(`http://[${words.map((w) => w.toString(16)).join(':')}]`).hostname.slice(1, -1));
const bytes = fc.uint8Array({ maxLength: 40 });
const base = { name, class: fc.constantFrom('IN', 'CH', 'CLASS77'), ttl: u32 } as const;
const record = fc.oneof(
  fc.record({ ...base, type: fc.constant('A'), data: ipv4 }),
  fc.record({ ...base, type: fc.constant('AAAA'), data: ipv6 }),
  fc.record({ ...base, type: fc.constantFrom('NS', 'CNAME', 'PTR'), data: name }),
  fc.record({ ...base, type: fc.constant('MX'), data: fc.record({ preference: u16, exchange: name }) }),
  fc.record({ ...base, type: fc.constant('SRV'), data: fc.record({ priority: u16, weight: u16, port: u16, target: name }) }),
  fc.record({
    ...base,
    type: fc.constant('TXT'),
    data: fc.array(
      fc.array(u8, { maxLength: 255 }).map((b) => String.fromCharCode(...b)),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    ...base,
    type: fc.constant('SOA'),
    data: fc.record({ mname: name, rname: name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 }),
  }),
  fc.record({ ...base, type: fc.constantFrom('CAA', 'TYPE999', 'HTTPS'), data: bytes }),
) as fc.Arbitrary<ResourceRecord>;
const records = fc.array(record, { maxLength: 5 });
const message = fc.record({
  id: u16,
  response: fc.boolean(),
  opcode: fc.nat(15),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  rcode: fc.constantFrom('NOERROR', 'NXDOMAIN', 'RCODE11'),
  questions: fc.array(fc.record({ name, type: fc.constantFrom('A', 'ANY', 'TYPE4711'), class: fc.constantFrom('IN', 'ANY') }), {
    maxLength: 3,
  }),
  answers: records,
  authorities: records,
  additionals: records,
}) as fc.Arbitrary<Decoded>;
const edns = fc.record({
  udpSize: u16,
  version: u8,
  dnssecOk: fc.boolean(),
  options: fc.array(fc.record({ code: u16, data: bytes }), { maxLength: 3 }),
});

const refusal = (work: () => unknown): DnsWireError | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(DnsWireError);
    return error as DnsWireError;
  }
};

describe('a DNS message', () => {
  it('is decoded to what was encoded', () => {
    fc.assert(fc.property(message, (m) => void expect(decode(encode(m))).to.deep.equal(m)));
    fc.assert(
      fc.property(
        message,
        edns,
        (m, e) => void expect(decode(encode({ ...m, edns: e, rcode: 'BADVERS' }))).to.deep.equal({ ...m, edns: e, rcode: 'BADVERS' }),
      ),
    );
  });

  it('is as long as names that are there already allow', () => {
    const answers = Array.from({ length: 10 }, (_, i): ResourceRecord => ({
      name: 'web.default.svc.cluster.local',
      type: 'A',
      ttl: 5,
      data: `10.1.1.${i}`,
    }));
    const m: Message = { id: 1, response: true, questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }], answers };
    expect(encode(m)).to.have.length(12 + 31 + 4 + 10 * 16);
    const ptr: Message = { id: 1, answers: [{ name: 'a.cluster.local', type: 'CNAME', ttl: 5, data: 'b.cluster.local' }] };
    expect(encode(ptr)).to.have.length(12 + 17 + 10 + 4);
  });

  it('holds whole records up to a limit, says that it was cut, and keeps its EDNS', () => {
    fc.assert(
      fc.property(message, edns, fc.integer({ min: 100, max: 600 }), (m, e, limit) => {
        const cut = { ...m, questions: m.questions.slice(0, 1), truncated: false, edns: { ...e, options: [] } };
        const out = encode(cut, { limit });
        if (encode(cut).length <= limit) expect(out).to.deep.equal(encode(cut));
        else if (decode(encode({ ...cut, additionals: [] })).questions.length === 1) {
          expect(out.length).to.be.at.most(limit);
          const read = decode(out);
          expect(read.edns?.udpSize).to.equal(e.udpSize);
          expect(read.answers).to.deep.equal(cut.answers.slice(0, read.answers.length));
          expect(read.authorities).to.deep.equal(cut.authorities.slice(0, read.authorities.length));
          const whole = read.answers.length === cut.answers.length && read.authorities.length === cut.authorities.length;
          if (read.questions.length === cut.questions.length) expect(read.truncated).to.equal(!whole);
        }
      }),
    );
  });
});

describe('beside another implementation', () => {
  /** dns-packet reads the records that both know into its own shape. */
  const plain = fc.record({
    id: u16,
    name: fc.array(fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/), { minLength: 1, maxLength: 4 }).map((l) => l.join('.')),
    four: fc.array(ipv4, { maxLength: 4 }),
    target: fc.array(fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/), { minLength: 1, maxLength: 4 }).map((l) => l.join('.')),
    port: u16,
    text: fc.stringMatching(/^[ -~]{0,50}$/),
  });

  it('means the same: what it encodes is decoded, and it decodes what is encoded', () => {
    fc.assert(
      fc.property(plain, ({ id, name: owner, four, target, port, text }) => {
        const soa = { mname: target, rname: owner, serial: 7, refresh: 1, retry: 2, expire: 3, minimum: 4 };
        const answers: ResourceRecord[] = [
          ...four.map((data): ResourceRecord => ({ name: owner, type: 'A', class: 'IN', ttl: 30, data })),
          { name: owner, type: 'SRV', class: 'IN', ttl: 30, data: { priority: 1, weight: 2, port, target } },
          { name: owner, type: 'CNAME', class: 'IN', ttl: 30, data: target },
          { name: owner, type: 'MX', class: 'IN', ttl: 30, data: { preference: 5, exchange: target } },
          { name: owner, type: 'SOA', class: 'IN', ttl: 30, data: soa },
          { name: owner, type: 'TXT', class: 'IN', ttl: 30, data: [text] },
        ];
        const theirs = packet.decode(Buffer.from(encode({ id, response: true, questions: [{ name: owner, type: 'SRV' }], answers })));
        const shapes = (theirs.answers ?? []).map((a) => (a as { type: string; data: unknown }).data);
        expect(shapes).to.deep.equal([
          ...four,
          { priority: 1, weight: 2, port, target },
          target,
          { preference: 5, exchange: target },
          soa,
          [Buffer.from(text)],
        ]);
        const again = decode(packet.encode(theirs));
        expect(again.answers).to.deep.equal(answers);
        expect([again.id, again.response, again.questions[0]?.name]).to.deep.equal([id, true, owner]);
      }),
    );
  });
});

describe('bytes that come from anywhere', () => {
  it('are a message or one typed error, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (b) => {
        expect(refusal(() => decode(b))?.code ?? 'DNS_E_FORMAT').to.equal('DNS_E_FORMAT');
      }),
      { numRuns: 2000 },
    );
  });

  it('are that also when they were a message before a byte changed or its end was lost', () => {
    fc.assert(
      fc.property(message, fc.nat(), u8, fc.nat(), (m, at, value, end) => {
        const b = encode(m);
        b[at % b.length] = value;
        refusal(() => decode(b));
        expect(refusal(() => decode(encode(m).slice(0, end % encode(m).length)))?.code).to.equal('DNS_E_FORMAT');
      }),
      { numRuns: 500 },
    );
  });

  const header = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const [what, body] of Object.entries<number[]>({
    'a pointer to itself': [0xc0, 12, 0, 1, 0, 1],
    'a pointer forwards': [0xc0, 20, 0, 1, 0, 1, 0, 0, 0],
    'a loop of pointers': [1, 97, 0xc0, 12, 0, 1, 0, 1],
    'a label of an unknown type': [0x80, 0, 0, 1, 0, 1],
    'a name without end': [63, ...Array.from({ length: 20 }, () => 97)],
    'a name longer than 255 bytes': [
      ...Array.from({ length: 5 }, () => [63, ...Array.from({ length: 63 }, () => 97)]).flat(),
      0,
      0,
      1,
      0,
      1,
    ],
  }))
    it(`are refused with ${what}`, () =>
      expect(refusal(() => decode(Uint8Array.from([...header, ...body])))?.code).to.equal('DNS_E_FORMAT'));

  it('do not grow: a message of pointers to long names is decoded in time', () => {
    const long = [...Array.from({ length: 3 }, () => [63, ...Array.from({ length: 63 }, () => 97)]).flat(), 0];
    const pointers = Array.from({ length: 10_000 }, () => [0xc0, 12, 0, 1, 0, 1]).flat();
    const head = [0, 1, 0, 0, 10_001 >> 8, 10_001 & 255, 0, 0, 0, 0, 0, 0];
    expect(decode(Uint8Array.from([...head, ...long, 0, 1, 0, 1, ...pointers])).questions).to.have.length(10_001);
  });
});

describe('values that no message can hold', () => {
  const a: ResourceRecord = { name: 'a', type: 'A', ttl: 1, data: '1.2.3.4' };
  for (const [what, m] of Object.entries<Message>({
    'an empty label': { id: 1, questions: [{ name: 'a..b', type: 'A' }] },
    'a label of 64 bytes': { id: 1, questions: [{ name: 'a'.repeat(64), type: 'A' }] },
    'a name of 256 bytes': { id: 1, questions: [{ name: Array.from({ length: 5 }, () => 'a'.repeat(60)).join('.'), type: 'A' }] },
    'a character that is no byte': { id: 1, questions: [{ name: 'ü€', type: 'A' }] },
    'an escape that is none': { id: 1, questions: [{ name: 'a\\999', type: 'A' }] },
    'an id that is none': { id: 70_000 },
    'a type that is none': { id: 1, questions: [{ name: 'a', type: 'TYPEX' as never }] },
    'an address that is none': { id: 1, answers: [{ ...a, data: '1.2.3' } as ResourceRecord] },
    'an IPv6 address with a zone': { id: 1, answers: [{ ...a, type: 'AAAA', data: 'fe80::1%eth0' } as ResourceRecord] },
    'a ttl below 0': { id: 1, answers: [{ ...a, ttl: -1 } as ResourceRecord] },
    'a high rcode without EDNS': { id: 1, rcode: 'BADVERS' },
  }))
    it(`are refused: ${what}`, () => expect(refusal(() => encode(m))?.code).to.equal('DNS_E_VALUE'));

  it('are refused: more EDNS than a limit has room for', () => {
    expect(refusal(() => encode({ id: 1, edns: { udpSize: 512 } }, { limit: 20 }))?.code).to.equal('DNS_E_VALUE');
    expect(encode({ id: 1, edns: { udpSize: 512 } }, { limit: 23 })).to.have.length(23);
  });

  it('are not those of IPv6 in any of its forms', () => {
    const through = (data: string) => decode(encode({ id: 1, answers: [{ name: 'a', type: 'AAAA', ttl: 1, data }] })).answers[0]?.data;
    expect(through('::ffff:1.2.3.4')).to.equal('::ffff:102:304');
    expect(through('FD00:0:0:1:0:0:0:1')).to.equal('fd00:0:0:1::1');
    expect(through('::')).to.equal('::');
    expect(through('1::')).to.equal('1::');
  });
});
