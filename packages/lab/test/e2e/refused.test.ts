import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { cleanUp, needs, tempDir } from '@kosmos/testing';
import { expect } from 'chai';

const KOSMOS = resolve(import.meta.dirname, '../../../cli/bin/kosmos.js');

/** Ways to run the command where a lab cannot be had, and what it says there. */
const PLACES: Readonly<Record<string, { readonly on: readonly string[]; readonly says: readonly RegExp[] }>> = {
  'without nft names it, and the package to install': {
    on: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /usr/sbin && mount -t tmpfs none /usr/local/sbin && exec "$@"', 'sh'],
    says: [/a lab needs the program 'nft', which is not on the PATH/, /apt-get install nftables/],
  },
  'without the right to make namespaces says so, and what gives it': {
    on: [
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"',
      'sh',
    ],
    says: [/does not let this process make the namespaces of a lab/, /CAP_SYS_ADMIN/],
  },
  "with Kubernetes' programs named that are not there, says which": {
    on: ['env', 'KUBEBUILDER_ASSETS=/nowhere/bin', 'KUBE_CONTROLLER_MANAGER=/nowhere/kube-controller-manager'],
    says: [/\/nowhere\/bin\/etcd.* and \/nowhere\/kube-controller-manager: there is no such file/, /unset both/],
  },
};

describe('kosmos lab up on a system', function () {
  this.timeout(30_000);
  before(needs('root', 'unshare', 'setpriv', 'nft'));
  after(cleanUp);

  for (const [what, { on, says }] of Object.entries(PLACES)) {
    it(what, () => {
      const home = tempDir();
      const [file = '', ...args] = [...on, process.execPath, KOSMOS, 'lab', 'up', 'x'];
      const { status, stdout, stderr } = spawnSync(file, args, {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, KOSMOS_LAB_HOME: home },
      });
      expect(status, stdout + stderr).to.equal(1);
      for (const text of says) expect(stderr).to.match(text);
      expect(stderr).to.not.match(/\n\s+at .*:\d+:\d+/); // no stack trace
      expect(readdirSync(home)).to.deep.equal([]);
    });
  }
});
