import { expect } from 'chai';
import { largest } from '../../src/agent/full-size.ts';

describe('the largest packet that passes', () => {
  const upTo =
    (limit: number, asked: number[] = []) =>
    async (bytes: number) => {
      asked.push(bytes);
      return bytes <= limit;
    };

  it('is the full size, found with one probe, where that passes', async () => {
    const asked: number[] = [];
    expect(await largest(1450, 4, upTo(9000, asked))).to.equal(1450);
    expect(asked).to.deep.equal([1450]);
  });

  it('is found to the byte where it is smaller', async () => {
    for (const limit of [576, 577, 1000, 1399, 1449]) expect(await largest(1450, 4, upTo(limit))).to.equal(limit);
  });

  it('is not known where not even the smallest passes', async () => {
    expect(await largest(1430, 6, upTo(1279))).to.equal(undefined);
  });

  it('is the full size also when a probe or two got lost by chance', async () => {
    let sent = 0;
    expect(await largest(1450, 4, async () => (sent += 1) > 2)).to.equal(1450);
  });
});
