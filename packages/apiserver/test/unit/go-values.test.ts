import { expect } from 'chai';
import { decode } from '../../src/schema/decode.ts';
import { quantityValue } from '../../src/kinds/quantity.ts';
import { quantity, time, timeProblem } from '../../src/schema/go-values.ts';

const read = (type: string, value: unknown): any => decode({ ref: type, type: 'object' }, value, 'Kind', 'v1', []);

describe('values as Go writes them', () => {
  for (const [from, to] of [
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1000', '1k'],
    ['110', '110'],
    ['100Ki', '100Ki'],
    ['1000Ki', '1000Ki'],
    ['512', '512'],
    ['0', '0'],
    ['0Gi', '0'],
    ['1e3', '1e3'],
    ['1e4', '10e3'],
    ['0.1Ki', '102400m'],
    ['-2000m', '-2'],
    ['0.0000000001', '1n'],
    ['12E', '12E'],
  ] as const)
    it(`the quantity ${from} is ${to}`, () => expect(quantity(from)).to.equal(to));

  for (const bad of ['', 'x', '1 Gi', '1gi', '.', '+', '1e', 'Gi'])
    it(`${JSON.stringify(bad)} is no quantity`, () => expect(quantity(bad)).to.equal(undefined));

  for (const [text, value] of [
    ['1', 1],
    [2, 2],
    ['1500m', 1.5],
    ['1Ki', 1024],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['2k', 2000],
    ['1e3', 1000],
    ['1E', 1e18],
  ] as const)
    it(`the quantity ${text} means ${value}`, () => expect(quantityValue(text)).to.equal(value));

  it('times are in UTC, in seconds or in microseconds', () => {
    expect(time('2020-01-01T01:00:00.25+02:00', false)).to.equal('2019-12-31T23:00:00Z');
    expect(time('2020-01-01T01:00:00.250000+01:00', true)).to.equal('2020-01-01T00:00:00.250000Z');
    expect(time('2020-01-01T00:00:00.25Z', true)).to.equal(undefined);
    expect(time('2020-01-01', false)).to.equal(undefined);
  });

  it('what is no time is told as Go tells it', () => {
    const seconds = '"2006-01-02T15:04:05Z07:00"';
    expect(timeProblem('abc', false)).to.equal(`parsing time "abc" as ${seconds}: cannot parse "abc" as "2006"`);
    expect(timeProblem('2020-01-01', false)).to.equal(`parsing time "2020-01-01" as ${seconds}: cannot parse "" as "T"`);
    expect(timeProblem('2020-13-01T00:00:00Z', false)).to.equal('parsing time "2020-13-01T00:00:00Z": month out of range');
    expect(timeProblem('2020-01-01T00:00:00.5Z', true)).to.match(/cannot parse "\.5Z" as "\.000000"$/);
  });

  it('zeros go where Go has no pointer, and stay where it has one', () => {
    const spec = { hostNetwork: false, priorityClassName: '', automountServiceAccountToken: false, terminationGracePeriodSeconds: 0 };
    expect(read('core.v1.PodSpec', { ...spec, containers: [] })).to.deep.equal({
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: null,
    });
  });

  it("a null in a list is its type's zero, with the fields that are always written", () => {
    const { containers } = read('core.v1.PodSpec', { containers: [null] });
    expect(containers).to.deep.equal([{ name: '', resources: {} }]);
    const { versions } = read('apiextensions.v1.CustomResourceDefinitionSpec', { versions: [null] });
    expect(versions).to.deep.equal([{ name: '', served: false, storage: false }]);
  });

  it('structs that Go holds by value are written though nobody set them', () => {
    expect(read('core.v1.ContainerStatus', { name: 'c' })).to.deep.equal({
      name: 'c',
      ready: false,
      restartCount: 0,
      image: '',
      imageID: '',
      state: {},
      lastState: {},
    });
    expect(read('core.v1.NodeCondition', { type: 'Ready', status: 'True' })).to.deep.equal({
      type: 'Ready',
      status: 'True',
      lastHeartbeatTime: null,
      lastTransitionTime: null,
    });
    expect(read('core.v1.ResourceFieldSelector', { resource: 'limits.cpu' })).to.deep.equal({ resource: 'limits.cpu', divisor: '0' });
    expect(read('core.v1.TypedLocalObjectReference', { kind: 'K', name: 'n' })).to.deep.equal({ kind: 'K', name: 'n', apiGroup: null });
  });
});
