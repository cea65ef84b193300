import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import type { Probe } from '../../src/probe/packet.ts';
import { openProbePort, type ProbePort } from '../../src/probe/port.ts';

describe('a probe port', () => {
  const open: ProbePort[] = [];
  afterEach(() => open.splice(0).forEach((port) => port.close()));
  const listen = (address: string) => {
    const answers: { from: string; probe: Probe; bytes: number }[] = [];
    const errors: Error[] = [];
    const port = openProbePort(
      address,
      (from, probe, bytes) => answers.push({ from, probe, bytes }),
      (error) => errors.push(error),
    );
    open.push(port);
    return { port, answers, errors };
  };

  it('answers the probes of another, with as many bytes', async () => {
    const [one] = [listen('127.0.0.71'), listen('127.0.0.72')];
    await eventually(
      () => {
        one.port.send('127.0.0.72', { kind: 'probe', run: 5, sequence: 9 }, 1400);
        return one.answers.length > 0;
      },
      { message: 'an answer' },
    );
    expect(one.answers[0]).to.deep.equal({ from: '127.0.0.72', probe: { kind: 'answer', run: 5, sequence: 9 }, bytes: 1400 });
  });

  it('says that its address is not there, or taken', async () => {
    listen('127.0.0.73');
    const [taken, missing] = [listen('127.0.0.73'), listen('220.1.2.3')];
    await eventually(() => taken.errors.length > 0 && missing.errors.length > 0, { message: 'both errors' });
    expect(taken.errors[0]?.message).to.include('EADDRINUSE');
    expect(missing.errors[0]?.message).to.include('EADDRNOTAVAIL');
  });
});
