import { expect } from 'chai';
import { eventually } from '@kosmos/testing';

describe('eventually', () => {
  it('gives the first value that is neither undefined nor false', async () => {
    const values = [undefined, false, 'there'];
    expect(await eventually(() => values.shift(), { intervalMs: 1 })).to.equal('there');
  });

  it('tries again after a throw', async () => {
    let tries = 0;
    const value = await eventually(
      () => {
        tries += 1;
        if (tries < 3) throw new Error('not yet');
        return tries;
      },
      { intervalMs: 1 },
    );
    expect(value).to.equal(3);
  });

  it('says at the deadline what was waited for and what the last try saw', async () => {
    const failed = await eventually(
      () => {
        throw new Error('still red');
      },
      { timeoutMs: 20, intervalMs: 1, message: 'the light is green' },
    ).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(failed?.message).to.equal('the light is green: not within 20 ms; the last try threw still red');
  });
});
