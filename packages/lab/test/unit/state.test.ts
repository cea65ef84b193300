import { expect } from 'chai';
import { checkName, isAlive, labHome, parseStat, statOf } from '../../src/state.ts';

describe("a lab's state", () => {
  it('is kept where KOSMOS_LAB_HOME, else XDG_STATE_HOME says', () => {
    expect(labHome({ KOSMOS_LAB_HOME: '/x', XDG_STATE_HOME: '/y' })).to.equal('/x');
    expect(labHome({ XDG_STATE_HOME: '/y' })).to.equal('/y/kosmos');
    expect(() => labHome({ KOSMOS_LAB_HOME: '/run/user/1' })).to.throw(/cannot be kept under \/run/);
  });

  it('takes no name that could leave its directory', () => {
    for (const bad of ['', '..', 'a/b', 'A', '-a', 'a-', 'x'.repeat(31)])
      expect(() => checkName(bad), bad).to.throw(/is no name for a lab/);
    expect(checkName('test-1')).to.equal('test-1');
  });

  it('reads a process whose name holds spaces and brackets', () => {
    const fields = ['S', '7', ...Array.from({ length: 17 }, () => '0'), '4242', '0'];
    expect(parseStat(`12 (a) b (c)) ${fields.join(' ')}\n`)).to.deep.equal({ pid: 12, startTime: '4242', zombie: false, parent: 7 });
  });

  it('does not take another process with the same pid for the one it knew', () => {
    const own = statOf(process.pid);
    expect(isAlive(own)).to.equal(true);
    expect(isAlive({ pid: process.pid, startTime: '1' })).to.equal(false);
  });
});
