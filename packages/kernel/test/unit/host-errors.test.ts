import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KosmosError, KosmosErrors } from '@kosmos/kernel';
import { ERRORS, fail, formatErrors } from '@kosmos/kernel/runtime';
import { expect } from 'chai';

const PACKAGE = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(file, 'utf8');
const codesIn = (text: string) => new Set(text.match(/\bKOSMOS_E_[A-Z_]+/g));

describe('error codes', () => {
  const codes = Object.keys(ERRORS);

  it('of the kernel are all in host/errors.ts', () => {
    const used = globSync(`${PACKAGE}/src/**/*.ts`).flatMap((file) => [...codesIn(read(file))]);
    expect(codes).to.include.members(used);
  });

  it('are documented in the README as they are in the code', () => {
    const rows = read(`${PACKAGE}/README.md`)
      .split('\n')
      .filter((line) => line.startsWith('| `KOSMOS_E_'));
    expect(rows).to.deep.equal(Object.entries(ERRORS).map(([code, { meaning, hint }]) => `| \`${code}\` | ${meaning} | ${hint} |`));
  });

  it('each have a test that provokes them', () => {
    const tests = globSync([`${PACKAGE}/test/**/*.test.ts`, `${PACKAGE}/../cli/test/**/*.test.ts`]).filter(
      (file) => !file.endsWith('host-errors.test.ts'),
    );
    const provoked = codesIn(tests.map(read).join('\n'));
    expect(codes.filter((code) => !provoked.has(code))).to.deep.equal([]);
  });
});

describe('formatErrors', () => {
  it('prints each problem with place, next step and code, and how many there are', () => {
    const errors = new KosmosErrors([
      fail('KOSMOS_E_START', 'a', { where: 'plugin x, start', hint: 'Mend it.' }),
      new KosmosError('KOSMOS_E_OTHER', 'b'),
    ]);
    expect(formatErrors(errors)).to.equal(
      'error: a\n  at plugin x, start\n  Mend it.\n  KOSMOS_E_START\nerror: b\n  KOSMOS_E_OTHER\n2 problems',
    );
  });

  it('prints what is no KosmosError in one line, its stack only when asked', () => {
    expect(formatErrors(new TypeError('boom'))).to.equal(
      'error: boom\n  This is a fault of Kosmos or of a plugin. KOSMOS_DEBUG=1 shows where it happened.',
    );
    expect(formatErrors(new TypeError('boom'), { debug: true })).to.match(/TypeError: boom\n\s+at /);
  });

  it('colours only when asked', () => {
    expect(formatErrors(new Error('boom'), { colour: true })).to.include('\u001b[31merror:');
  });
});
