import { expect } from 'chai';
import fc from 'fast-check';
import { decodeProbe, encodeProbe, HEADER_BYTES } from '../../src/probe/packet.ts';

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('a probe', () => {
  it('is read as it was written, of any size', () => {
    const probe = fc.record({ kind: fc.constantFrom('probe' as const, 'answer' as const), run: uint32, sequence: uint32 });
    fc.assert(
      fc.property(probe, fc.integer({ min: HEADER_BYTES, max: 9000 }), (given, bytes) => {
        const packet = encodeProbe(given, bytes);
        expect(packet.length).to.equal(bytes);
        expect(decodeProbe(packet)).to.deep.equal(given);
      }),
    );
  });

  it('is nothing else that reaches the port', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeProbe(Buffer.from(bytes))).to.equal(undefined);
      }),
    );
    expect(decodeProbe(encodeProbe({ kind: 'probe', run: 1, sequence: 1 }).subarray(0, HEADER_BYTES - 1))).to.equal(undefined);
  });
});
