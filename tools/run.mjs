// Runs a TypeScript entry of this checkout under the checkout's own Node, setting the checkout up first where that is
// needed. Plain JavaScript for any Node >= 20, since it runs before anything is installed.
import { spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

const node = await setUp();
const child = spawn(node, ['--conditions=@kosmos/source', '--disable-warning=ExperimentalWarning', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: {
    ...process.env,
    // sbin is where ip and nft are; a user's PATH often lacks it.
    PATH: [dirname(node), process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter),
    // Every process that this one starts would compile the same sources again.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL('../node_modules/.cache/kosmos-compiled', import.meta.url)),
  },
});
// The terminal sends Ctrl-C to the child as well, which then takes down what it started: wait for that.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal ? 128 : 1);
});
