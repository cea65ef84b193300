import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { KubeClient } from '@kosmos/kernel';
import { cleanUp, tempDir } from '@kosmos/testing';
import { writePayload } from '../../src/node/volumes/payload.ts';
import { projectedFiles, type FileSources } from '../../src/node/volumes/projected.ts';
import { subPathOf } from '../../src/node/volumes/sub-path.ts';
import { PodTokens, renewalDue } from '../../src/node/volumes/tokens.ts';
import { podOf } from '../support.ts';

describe('the files of a volume', () => {
  afterEach(cleanUp);
  const file = (path: string, text: string, mode = 0o644) => ({ path, data: Buffer.from(text), mode });

  it('change all at once, by one link, and only when they differ', () => {
    const dir = join(tempDir(), 'v');
    expect(writePayload(dir, [file('a', '1'), file('sub/b', '2', 0o400)])).to.equal(true);
    const first = readlinkSync(join(dir, '..data'));
    expect(readFileSync(join(dir, 'a'), 'utf8') + readFileSync(join(dir, 'sub/b'), 'utf8')).to.equal('12');
    expect(statSync(join(dir, 'sub/b')).mode & 0o777).to.equal(0o400);
    expect(writePayload(dir, [file('a', '1'), file('sub/b', '2', 0o400)])).to.equal(false);
    expect(readlinkSync(join(dir, '..data'))).to.equal(first);
    expect(writePayload(dir, [file('c', '3')])).to.equal(true);
    expect(readdirSync(dir).filter((n) => !n.startsWith('..'))).to.deep.equal(['c']);
    expect(existsSync(join(dir, first))).to.equal(false);
    expect(writePayload(dir, [file('c', '3', 0o600)])).to.equal(true);
  });

  const meta = { name: 'o', namespace: 'default', uid: 'o', resourceVersion: '1' };
  const sources: FileSources = {
    place: { podIPs: ['10.1.1.2'], hostIPs: [], allocatable: {} },
    configMap: async (name) => (name === 'cm' ? { metadata: meta, data: { a: '1', b: '2' }, binaryData: { c: 'AAE=' } } : undefined),
    secret: async (name) => (name === 's' ? { metadata: meta, data: { key: Buffer.from('word').toString('base64') } } : undefined),
    token: async ({ audience }) => `token for ${audience}`,
  };
  const seen = async (volume: object) =>
    (await projectedFiles({ name: 'v', ...volume }, podOf(), sources))?.map(
      (f) => `${f.path} ${f.mode.toString(8)} ${f.data.toString('latin1')}`,
    );

  it('are the keys of an object, or the ones asked for, with their modes', async () => {
    expect(await seen({ configMap: { name: 'cm' } })).to.deep.equal(['a 644 1', 'b 644 2', 'c 644 \0\u0001']);
    const items = [
      { key: 'a', path: 'x/y' },
      { key: 'b', path: 'z', mode: 0o600 },
    ];
    expect(await seen({ configMap: { name: 'cm', items, defaultMode: 0o440 } })).to.deep.equal(['x/y 440 1', 'z 600 2']);
    expect(await seen({ secret: { secretName: 's' } })).to.deep.equal(['key 644 word']);
    expect(await seen({ emptyDir: {} })).to.equal(undefined);
  });

  it('of several sources come together, and the later wins', async () => {
    const projected = {
      sources: [
        { configMap: { name: 'cm', items: [{ key: 'a', path: 'p' }] } },
        { serviceAccountToken: { path: 'token', audience: 'me' } },
        { downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'metadata.name' } }] } },
        { secret: { name: 'none', optional: true } },
      ],
    };
    expect(await seen({ projected })).to.deep.equal(['p 644 web', 'token 644 token for me']);
  });

  it('are refused where what they are made of is not there', async () => {
    const said = (volume: object) =>
      seen(volume).then(
        () => '',
        (e: Error) => e.message,
      );
    expect(await said({ configMap: { name: 'none' } })).to.equal('configmap "none" not found');
    expect(await said({ configMap: { name: 'none', optional: true } })).to.equal('');
    expect(await said({ secret: { secretName: 's', items: [{ key: 'x', path: 'x' }] } })).to.equal(
      'secret "s" references non-existent key: x',
    );
  });
});

describe('a subPath', () => {
  afterEach(cleanUp);
  it('is made where it is not there, and never leads out of its volume', () => {
    const dir = tempDir();
    const volume = join(dir, 'v');
    mkdirSync(volume);
    writeFileSync(join(volume, 'file'), '');
    symlinkSync(dir, join(volume, 'out'));
    expect(subPathOf(volume, 'a/b')).to.equal(join(volume, 'a/b'));
    expect(subPathOf(volume, 'file')).to.equal(join(volume, 'file'));
    expect(statSync(join(volume, 'a/b')).isDirectory()).to.equal(true);
    for (const bad of ['../x', '/etc', 'out', 'out/new']) expect(() => subPathOf(volume, bad), bad).to.throw(/subPath/);
    expect(existsSync(join(dir, 'new'))).to.equal(false);
  });
});

describe('a token', () => {
  it('is asked for once, and again when it is due', async () => {
    let asked = 0;
    let lastsMs = 3_600_000;
    const request = async () => {
      asked += 1;
      return { status: { token: `t${asked}`, expirationTimestamp: new Date(Date.now() + lastsMs).toISOString() } };
    };
    const tokens = new PodTokens({ request } as unknown as KubeClient);
    const short = { path: 'p', audience: 'short' };
    expect(await tokens.token(podOf(), { path: 'p' })).to.equal('t1');
    expect(await tokens.token(podOf(), { path: 'q' })).to.equal('t1');
    lastsMs = -1;
    expect(await tokens.token(podOf(), short)).to.equal('t2');
    expect(tokens.due).to.be.below(Date.now() + 1);
    expect(await tokens.token(podOf(), short)).to.equal('t3');
  });

  it('is renewed after four fifths of its time, and once a day', () => {
    expect(renewalDue(0, 3_600_000)).to.equal(2_880_000);
    expect(renewalDue(0, 400 * 86_400_000)).to.equal(86_400_000);
  });
});
