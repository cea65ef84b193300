/** What a user can meet is told in the README of the package that says it. */
import { globSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { expect } from 'chai';

const PACKAGES = resolve(import.meta.dirname, '../../packages');
const CODE = /\b(?:KOSMOS|HOSTNET)_E_[A-Z_]+[A-Z]\b/g;

/** Code, meaning, what to do: none of them empty. */
const documented = (readme: string): string[] =>
  [...readme.matchAll(/^\| `((?:KOSMOS|HOSTNET)_E_[A-Z_]+)` \| [^|\s][^|]* \| [^|\s][^|]* \|$/gm)].map((match) => match[1] ?? '');

describe('error codes', () => {
  for (const folder of globSync(`${PACKAGES}/*`).toSorted()) {
    const own = (code: string) => code.startsWith('KOSMOS_') || basename(folder) === 'hostnet';
    const used = new Set(globSync(`${folder}/src/**/*.ts`).flatMap((file) => readFileSync(file, 'utf8').match(CODE) ?? []));
    const codes = [...used].filter(own).toSorted();
    if (codes.length === 0) continue;

    it(`of ${basename(folder)} are in its README, each once, with meaning and what to do, and no others`, () => {
      expect(documented(readFileSync(`${folder}/README.md`, 'utf8')).toSorted()).to.deep.equal(codes);
    });
  }
});
