/** What every package must have, and how long a file may be. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const LONGEST = 500;
const NEEDED = ['README.md', 'CHANGELOG.md', 'LICENSE', 'src/index.ts', 'tsconfig.json'];

export function checkFiles(): string[] {
  const missing = globSync('packages/*/package.json')
    .map(dirname)
    .sort()
    .flatMap((folder) => NEEDED.filter((file) => !existsSync(join(folder, file))).map((file) => `${folder}: no ${file}`));
  const sources = globSync(['packages/*/{src,test,tools,bin}/**/*.{ts,js,mjs,cjs}', '{tools,bench,examples,test}/**/*.{ts,mjs,cjs}'], {
    exclude: ['**/node_modules/**', '**/fixtures/**', '**/generated/**'],
  }).sort();
  const problems = sources.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    const found: string[] = [];
    if (lines > LONGEST) found.push(`${file}: ${lines} lines; at most ${LONGEST}: one concept a file`);
    if (!/^[a-z0-9.-]+$/.test(basename(file))) found.push(`${file}: file names are kebab-case`);
    return found;
  });
  return [...missing, ...problems];
}
