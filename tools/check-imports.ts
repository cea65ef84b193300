/**
 * Holds architecture.md's "What may import what": which of our packages each package may import and by which entry, that
 * relative imports stay inside the package, and that every other import is a declared dependency.
 */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}
interface Rule {
  readonly packages: RegExp;
  /** Entries of our packages that `src` may import. */
  readonly may: readonly RegExp[];
}

const RULES: readonly Rule[] = [
  { packages: /^(api|hostnet|dns-wire|kernel|apiserver)$/, may: [] },
  { packages: /^plugin-/, may: [/^@kosmos\/(kernel|api|hostnet|dns-wire)$/, /^@kosmos\/plugin-[\w-]+\/contracts$/] },
  { packages: /^preset-/, may: [/^@kosmos\/kernel$/, /^@kosmos\/plugin-[\w-]+$/, /^@kosmos\/plugin-[\w-]+\/contracts$/] },
  { packages: /^lab$/, may: [/^@kosmos\/(apiserver(\/(streams|quantity))?|hostnet|dns-wire)$/, /^@kosmos\/kernel(\/runtime)?$/] },
  { packages: /^testing$/, may: [/^@kosmos\/(lab|apiserver)$/, /^@kosmos\/kernel(\/runtime)?$/] },
  { packages: /^cli$/, may: [/^@kosmos\/kernel(\/runtime)?$/] },
];
const ours = (specifier: string) => specifier === 'kosmos' || specifier.startsWith('@kosmos/');
const builtins = new Set(builtinModules);

export function checkImports(): string[] {
  const shared = manifest('.');
  return globSync('packages/*/package.json')
    .sort()
    .flatMap((file) => checkPackage(dirname(file), shared));
}

function checkPackage(folder: string, shared: Manifest): string[] {
  const own = manifest(folder);
  const rule = RULES.find((r) => r.packages.test(folder.slice('packages/'.length)));
  if (!rule) return [`${folder}: no import rule covers this package; add one to tools/check-imports.ts`];
  return globSync([`${folder}/{src,test,tools}/**/*.ts`, `${folder}/bin/*.js`])
    .sort()
    .flatMap((file) => importsOf(file).flatMap((specifier) => checkImport(file, folder, specifier, own, shared, rule)));
}

function checkImport(file: string, folder: string, specifier: string, own: Manifest, shared: Manifest, rule: Rule): string[] {
  if (specifier.startsWith('.')) {
    const outside = relative(folder, join(dirname(file), specifier)).startsWith('..');
    return outside ? [`${file}: imports '${specifier}', outside its package; import the package by its name`] : [];
  }
  if (specifier.startsWith('node:')) return [];
  if (builtins.has(specifier)) return [`${file}: imports '${specifier}'; write 'node:${specifier}'`];
  const shipped = /\/(src|bin)\//.test(file);
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const problems: string[] = [];
  if (ours(specifier) && shipped && name !== own.name && !rule.may.some((m) => m.test(specifier))) {
    const allowed = rule.may.length > 0 ? rule.may.map((m) => m.source.replaceAll(/[\\^$]/g, '')).join(', ') : 'nothing of ours';
    problems.push(`${file}: imports '${specifier}'; ${folder} may import ${allowed}`);
  }
  const declared = {
    ...own.dependencies,
    ...own.peerDependencies,
    ...own.optionalDependencies,
    ...(shipped ? {} : { ...own.devDependencies, ...shared.devDependencies }),
  };
  if (name !== own.name && !(name in declared))
    problems.push(`${file}: imports '${specifier}', which ${folder}/package.json does not declare`);
  return problems;
}

function importsOf(file: string): string[] {
  const { module } = parseSync(file, readFileSync(file, 'utf8'));
  const statics = [
    ...module.staticImports.map((i) => i.moduleRequest.value),
    ...module.staticExports.flatMap((e) => e.entries.flatMap((x) => x.moduleRequest?.value ?? [])),
  ];
  const source = readFileSync(file, 'utf8');
  // A dynamic import of something other than a literal is the config's or the CLI's, whose packages are data.
  const dynamics = module.dynamicImports.flatMap(
    (i) => /^(['"])(.*)\1$/.exec(source.slice(i.moduleRequest.start, i.moduleRequest.end))?.[2] ?? [],
  );
  return [...new Set([...statics, ...dynamics])];
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
