import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, tempDir } from '@kosmos/testing';
import { mountPoints, rootLayers } from '../../src/node/root/layers.ts';
import { followed } from '../../src/node/root/build.ts';

describe("the layers of a container's root", () => {
  const tree: Record<string, string[]> = {
    '/': ['bin', 'dev', 'etc', 'home', 'mnt', 'proc', 'run', 'sys', 'swap', 'usr'],
    '/mnt': ['a', 'b'],
    '/etc': ['hosts', 'passwd'],
  };
  const kinds: Record<string, 'link' | 'file'> = { '/bin': 'link', '/swap': 'file', '/etc/hosts': 'file', '/etc/passwd': 'file' };
  const mounts = ['/proc', '/sys', '/sys/fs/cgroup', '/dev', '/dev/pts', '/run', '/run/netns/x', '/etc/hosts', '/home', '/mnt/a'];
  const layers = (userNamespace: boolean) =>
    rootLayers({ mounts, userNamespace, kind: (p) => kinds[p] ?? 'dir', entries: (p) => tree[p] ?? [] }).map((l) => `${l.kind} ${l.path}`);

  it('are one overlay, and one for each file system that is mounted', () => {
    expect(layers(false)).to.deep.equal(['overlay /', 'overlay /home', 'overlay /mnt/a']);
  });

  it('are overlays of what nothing is mounted below of, in a user namespace', () => {
    expect(layers(true)).to.deep.equal([
      'link /bin',
      'overlay /etc',
      'overlay /home',
      'dir /mnt',
      'overlay /mnt/a',
      'overlay /mnt/b',
      'bind /swap',
      'overlay /usr',
    ]);
  });

  it("come from the kernel's table, where blanks are octal numbers", () => {
    expect(mountPoints('1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / /a\\040b rw - tmpfs t rw\n')).to.deep.equal(['/a b']);
  });
});

describe('a path in a container', () => {
  afterEach(cleanUp);
  it("follows this machine's links, as far as there are any", () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'relative'));
    symlinkSync(join(dir, 'relative'), join(dir, 'absolute'));
    symlinkSync('loop', join(dir, 'loop'));
    writeFileSync(join(dir, 'real/file'), '');
    expect(followed(join(dir, 'absolute/x/y'))).to.equal(join(dir, 'real/x/y'));
    expect(followed(join(dir, 'real/file'))).to.equal(join(dir, 'real/file'));
    expect(followed(join(dir, 'none/../none'))).to.equal(join(dir, 'none/../none'));
    expect(followed(join(dir, 'loop/x'))).to.equal(join(dir, 'loop/x'));
  });
});
