/** Every example's config loads, and plans its fleet without a complaint. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');
const KOSMOS = resolve(import.meta.dirname, '../../packages/cli/bin/kosmos.js');
const SHOWS: Readonly<Record<string, readonly RegExp[]>> = {
  p2p: [/route {3}10\.234\.64\.64\/26 {2}via 220\.19\.0\.3/],
  failover: [/route {3}10\.234\.64\.64\/26 {2}via 210\.18\.0\.2, 210\.18\.0\.3 \(1 of them\) {2}dev vx-local/],
  gateway: [/^c1-b\n.*vx-local[^\n]*\n {2}route[^\n]*via 210\.18\.0\.2 {2}dev vx-local/m, /nat {5}notrack/],
  health: [/route {3}10\.234\.64\.64\/26 {2}via 220\.19\.0\.3/],
  globalip: [/nat {5}translate {2}10\.233\.64\.0\/18 as 100\.64\.0\.0\/18/, /route {3}100\.65\.0\.64\/26/],
  dualstack: [/device {2}vx-bridge-6 {2}9470:172::10\/16/],
};

describe('the examples', function () {
  this.timeout(60_000);

  it('are all told of here', () => expect(readdirSync(EXAMPLES).toSorted()).to.deep.equal(Object.keys(SHOWS).toSorted()));

  for (const [name, patterns] of Object.entries(SHOWS)) {
    it(`${name}: kosmos plan -f fleet.yaml`, async () => {
      const folder = resolve(EXAMPLES, name);
      expect(existsSync(resolve(folder, 'kosmos.config.ts'))).to.equal(true);
      const argv = ['--conditions=@kosmos/source', KOSMOS, 'plan', '--config', 'kosmos.config.ts', '-f', 'fleet.yaml'];
      const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: folder });
      for (const pattern of patterns) expect(stdout).to.match(pattern);
      expect(stdout).to.not.include('CONDITIONS');
    });
  }
});
