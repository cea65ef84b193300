// Makes a checkout ready to run: dependencies, the checkout's own Node 24, and on Debian as root the host tools.
// Plain JavaScript for any Node >= 20, since it runs before anything is installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [22, 19];
/** Debian package of each host tool that the lab and the agents call. */
const HOST_TOOLS = { ip: 'iproute2', nft: 'nftables', ping: 'iputils-ping', conntrack: 'conntrack', 'iptables-legacy': 'iptables' };

/** Sets the checkout up where something is missing, silently where nothing is; returns the path of its Node. */
export async function setUp() {
  if (!dependenciesAreCurrent()) installDependencies();
  installHostTools();
  return ownNode();
}

/** npm writes what it installed to node_modules/.package-lock.json: the same versions there mean that nothing is to be done. */
function dependenciesAreCurrent() {
  const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const wanted = read('package-lock.json');
  const installed = read('node_modules/.package-lock.json');
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.link || entry.optional) return true;
    return installed[path]?.version === entry.version;
  });
}

function installDependencies() {
  // Not `npm ci`: it refuses a lockfile that lacks the binaries of platforms which the registry it was made with did not have.
  // This installs what the lockfile pins, by its integrity, and leaves the lockfile as it is.
  step('installing the dependencies (npm install)', () => {
    const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    const done = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    if (done.status !== 0)
      fail(
        'npm install failed: its messages are above.',
        'Mend what they name (often the network or the registry), then run the command again.',
      );
  });
}

/** Where this is Debian and we are root, installs what is missing; elsewhere the commands that need it say so themselves. */
function installHostTools() {
  const missing = Object.keys(HOST_TOOLS).filter((tool) => !onPath(tool));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => HOST_TOOLS[tool]);
  const debian = existsSync('/etc/debian_version') && onPath('apt-get');
  if (!debian || process.getuid?.() !== 0) {
    const how = debian
      ? `sudo apt-get install ${packages.join(' ')}`
      : `the packages that have ${missing.join(', ')} (on Debian: ${packages.join(' ')})`;
    console.error(`kosmos: ${missing.join(', ')} not found: the lab and the agents need them. To install: ${how}`);
    return;
  }
  step(`installing ${packages.join(', ')} (apt-get)`, () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () => spawnSync('apt-get', ['install', '-y', '-qq', ...packages], { env, encoding: 'utf8' });
    let done = install();
    if (done.status !== 0) {
      spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' }); // a new machine has no package lists yet
      done = install();
    }
    if (done.status !== 0)
      fail(`apt-get install ${packages.join(' ')} failed:\n${done.stderr.trim()}`, 'Install them by hand, then run the command again.');
  });
}

function onPath(tool) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The Node that came with the dependencies; where there is none for this platform, the one that runs this, if it is new enough. */
function ownNode() {
  const brought = join(root, 'node_modules/.bin/node');
  for (const node of [brought, process.execPath]) {
    if (!existsSync(node)) continue;
    const [major, minor] = execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1).split('.').map(Number);
    if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return node;
  }
  return fail(
    `no Node >= ${OLDEST_NODE.join('.')} for ${process.platform}-${process.arch}: none comes with the dependencies, and this one is ${process.version}.`,
    `Install Node 24 (https://nodejs.org), then run the command again.`,
  );
}

function step(what, run) {
  const started = Date.now();
  process.stderr.write(`kosmos: ${what} ...\n`);
  run();
  process.stderr.write(`kosmos: done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function fail(what, next) {
  console.error(`kosmos: ${what}\n  ${next}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const node = await setUp();
  console.error(`kosmos: set up, with Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
}
