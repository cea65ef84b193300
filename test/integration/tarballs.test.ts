import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, unknown>;
  readonly bin?: Record<string, string>;
}

/** What a user's machine has: none of the checkout's conditions. */
const { NODE_OPTIONS: _, ...env } = process.env;

describe('packages as they are published', function () {
  this.timeout(300_000);
  const folders = globSync('packages/*/package.json').map(dirname).sort();
  const manifests = folders.map((folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest);
  let app: string;

  before('build, pack and install them outside the workspace', () => {
    app = mkdtempSync(join(tmpdir(), 'kosmos-tarballs-'));
    execFileSync(process.execPath, ['tools/build.ts'], { stdio: 'pipe' });
    const tarballs = folders.map((folder) => {
      const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', app], {
        cwd: folder,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      const [packed] = Object.values(JSON.parse(printed) as Record<string, { filename: string }>);
      return `./${packed?.filename}`;
    });
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
    const install = [
      'install',
      '--prefer-offline',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '@types/node@24',
      ...tarballs,
    ];
    execFileSync('npm', install, { cwd: app, stdio: 'pipe', env });
  });
  after(() => rmSync(app, { recursive: true, force: true }));

  const run = (...args: string[]) => execFileSync(process.execPath, args, { cwd: app, encoding: 'utf8', env, stdio: 'pipe' });

  for (const { name, exports } of manifests) {
    for (const entry of Object.keys(exports).filter((key) => !key.endsWith('.json'))) {
      const specifier = join(name, entry);
      it(`${specifier} imports`, () => {
        const printed = run('--input-type=module', '-e', `console.log(Object.keys(await import(${JSON.stringify(specifier)})).length)`);
        expect(Number(printed)).to.be.greaterThan(0);
      });
    }
  }

  it('the kosmos command runs', () => {
    expect(run('node_modules/.bin/kosmos', 'version')).to.match(/\d+\.\d+\.\d+/);
  });

  it('the lab starts clusters by a command of its own', function () {
    const home = mkdtempSync(join(tmpdir(), 'kosmos-lab-'));
    const lab = (...args: string[]) =>
      execFileSync(process.execPath, ['node_modules/.bin/kosmos-lab', ...args], {
        cwd: app,
        encoding: 'utf8',
        env: { ...env, KOSMOS_LAB_HOME: home },
        stdio: 'pipe',
      });
    expect(lab('--version')).to.match(/^\d+\.\d+\.\d+/);
    const canRun =
      spawnSync('unshare', ['-Urnmpf', 'nft', 'list', 'tables'], { env: { ...env, PATH: `${env.PATH}:/usr/sbin:/sbin` } }).status === 0;
    if (process.getuid?.() !== 0 && !canRun) this.skip();
    try {
      expect(lab('up', 'packed', '--clusters', '3', '--nodes', '1')).to.include('npx @kosmos/lab down packed');
      expect(lab('status', 'packed'))
        .to.match(/lab packed: ready/)
        .and.match(/c3\/n1\/kubelet +running/);
    } finally {
      lab('down', '--all');
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('the contract types hold for a plugin author', () => {
    cpSync('packages/kernel/test/types', join(app, 'types'), { recursive: true });
    const options = {
      extends: resolve('tsconfig.base.json'),
      compilerOptions: { noEmit: true, typeRoots: [join(app, 'node_modules/@types')] },
      include: ['types'],
    };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(options));
    execFileSync(resolve('node_modules/.bin/tsc'), ['-p', app], { stdio: 'inherit' });
  });
});
