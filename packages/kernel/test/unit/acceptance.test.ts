import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';

describe('the acceptance list of the bus', () => {
  it('names tests that are there', () => {
    const folder = resolve(import.meta.dirname, '..');
    const tests = globSync(`${folder}/{unit,integration}/*.test.ts`)
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const titles = readFileSync(`${folder}/README.md`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .flatMap((line) => /`(.+)` \|$/.exec(line)?.[1] ?? []);
    expect(titles.length).to.be.greaterThan(35);
    expect(titles.filter((title) => !tests.includes(title))).to.deep.equal([]);
  });
});
