/**
 * Runs the tests: `tools/test.ts [--full] [word ...]`; words choose test files whose path contains one of them.
 *
 * Each package's tests of a kind run in a process of their own, end-to-end tests each file. Unit and integration tests run two
 * at a time; end-to-end tests, which use the machine's network, one by one. `*.full.test.ts` run with --full only.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const KINDS = ['unit', 'integration', 'e2e'] as const;
type Kind = (typeof KINDS)[number];
interface Group {
  readonly name: string;
  readonly kind: Kind;
  readonly files: string[];
}
interface Counts {
  readonly passes: number;
  readonly failures: number;
  /** Titles and messages, said once more at the end: of a long record often only the end is kept. */
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** The longest group, the matrix of network modes, takes some ten minutes on two cores. */
const GROUP_MS = 1_500_000;

const ci = process.env.CI === 'true';
const full = process.argv.includes('--full');
const words = process.argv.slice(2).filter((a) => !a.startsWith('--'));
const scratch = mkdtempSync(join(tmpdir(), 'kosmos-test-'));

const totals = { passed: 0, failed: 0, skipped: 0 };
const notes: string[] = [];
try {
  const groups = findGroups();
  await runAll(
    groups.filter((g) => g.kind !== 'e2e'),
    2,
  );
  await runAll(
    groups.filter((g) => g.kind === 'e2e'),
    1,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const note of notes) console.log(note);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;

function findGroups(): Group[] {
  const groups = new Map<string, Group>();
  for (const folder of ['packages/*/test', 'test']) {
    for (const kind of KINDS) {
      for (const file of globSync(`${folder}/${kind}/**/*.test.ts`).sort()) {
        if (file.endsWith('.full.test.ts') && !full) continue;
        if (words.length > 0 && !words.some((w) => file.includes(w))) continue;
        const tests = `${file.split(`/test/`)[0]?.replace('packages/', '') ?? 'test'} ${kind}`.replace(/^test\/.*? /, 'kosmos ');
        const name = kind === 'e2e' ? `${tests} ${basename(file, '.test.ts')}` : tests;
        const group = groups.get(name) ?? { name, kind, files: [] };
        group.files.push(file);
        groups.set(name, group);
      }
    }
  }
  return [...groups.values()].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
}

async function runAll(groups: readonly Group[], atOnce: number): Promise<void> {
  const queue = [...groups];
  const work = async () => {
    for (let group = queue.shift(); group; group = queue.shift()) await run(group);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Output is kept back until the group has ended, so that two at a time can be read. */
async function run(group: Group): Promise<void> {
  const counts = join(scratch, `${group.name.replaceAll(/\W/g, '-')}.json`);
  const started = Date.now();
  const child = spawn(
    process.execPath,
    [
      '--conditions=@kosmos/source',
      '--disable-warning=ExperimentalWarning',
      'node_modules/mocha/bin/mocha.js',
      '--no-config', // its node options would start one more process
      '--timeout=60000',
      '--forbid-only',
      '--reporter=tools/mocha-reporter.cjs',
      process.stdout.isTTY ? '--colors' : '--no-colors',
      ...group.files,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, KOSMOS_TEST_COUNTS: counts } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  // A process that does not end after its tests is a fault of them, and must not hold up the others for ever.
  const deadline = setTimeout(() => child.kill('SIGKILL'), GROUP_MS);
  const code = await new Promise<number>((resolve) => child.on('close', (c) => resolve(c ?? 1)));
  clearTimeout(deadline);
  console.log(`\n== ${group.name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n${output.trimEnd()}`);
  count(group, code, readCounts(counts));
}

function readCounts(file: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    return undefined; // the process ended before mocha did
  }
}

function count(group: Group, code: number, counts: Counts | undefined): void {
  if (!counts) {
    totals.failed += 1;
    notes.push(`FAILED: ${group.name}: its process ended (${code}) before the tests did`);
    return;
  }
  totals.passed += counts.passes;
  totals.failed += counts.failures;
  if (code !== 0 && counts.failures === 0) {
    totals.failed += 1;
    notes.push(`FAILED: ${group.name}: all its tests passed, yet its process ended with ${code}`);
  }
  for (const failure of counts.failed) notes.push(`FAILED: ${group.name}: ${failure}`);
  for (const title of counts.skipped) {
    if (ci) totals.failed += 1;
    else totals.skipped += 1;
    notes.push(ci ? `FAILED: skipped, which CI does not allow: ${title}` : `skipped: ${title}`);
  }
}
