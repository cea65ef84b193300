import type { Environment } from '@marcbachmann/cel-js';
import { CelFailure, fail } from './error.ts';

const sign = (a: bigint | string | number, b: bigint | string | number): bigint => (a < b ? -1n : a > b ? 1n : 0n);

/** A number of a version, as github.com/blang/semver reads it. */
function number(text: string, what: string): bigint {
  if (!/^\d*$/.test(text)) fail(`Invalid character(s) found in ${what} number ${JSON.stringify(text)}`);
  if (/^0\d/.test(text)) fail(`${what[0]!.toUpperCase()}${what.slice(1)} number must not contain leading zeroes ${JSON.stringify(text)}`);
  return text ? BigInt(text) : fail(`strconv.ParseUint: parsing "": invalid syntax`);
}

/** A version as https://semver.org says; what is built counts for nothing. */
export class Semver {
  readonly numbers: [major: bigint, minor: bigint, patch: bigint];
  readonly #before: (bigint | string)[];

  constructor(text: string) {
    if (!text) fail('Version string empty');
    const [major, minor, ...others] = text.split('.');
    if (!others.length) fail('No Major.Minor.Patch elements found');
    const [, patch, , before, , build] = /^([^+-]*)(-([^+]*))?(\+(.*))?$/s.exec(others.join('.'))!;
    this.numbers = [number(major!, 'major'), number(minor!, 'minor'), number(patch!, 'patch')];
    this.#before = before === undefined ? [] : before.split('.').map((part) => this.#part(part));
    for (const part of build === undefined ? [] : build.split('.')) {
      if (!part) fail('Build meta data is empty');
      if (!/^[\dA-Za-z-]*$/.test(part)) fail(`Invalid character(s) found in build meta data ${JSON.stringify(part)}`);
    }
  }

  /** Of a version with a `v`, zeros in front, or without its last numbers. */
  static normalized(text: string): Semver {
    const parts = text.replace(/^v/, '').split('.');
    const three = [...parts.slice(0, 2), ...(parts.length > 2 ? [parts.slice(2).join('.')] : [])].map((part) =>
      part.length > 1 ? part.replace(/^0+(?=\d)/, '') : part,
    );
    if (three.length < 3 && /[+-]/.test(three.at(-1)!)) fail('short version cannot contain PreRelease/Build meta data');
    while (three.length < 3) three.push('0');
    return new Semver(three.join('.'));
  }

  #part(part: string): bigint | string {
    if (!part) fail('Prerelease is empty');
    if (/^0\d+$/.test(part)) fail(`Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(part)}`);
    if (/^\d+$/.test(part)) return BigInt(part);
    return /^[\dA-Za-z-]+$/.test(part) ? part : fail(`Invalid character(s) found in prerelease ${JSON.stringify(part)}`);
  }

  compare(other: Semver): bigint {
    for (const [i, n] of this.numbers.entries()) if (n !== other.numbers[i]) return sign(n, other.numbers[i]!);
    const [mine, theirs] = [this.#before, other.#before];
    if (!mine.length || !theirs.length) return sign(theirs.length ? 1 : 0, mine.length ? 1 : 0);
    for (const [i, a] of mine.entries()) {
      const b = theirs[i];
      if (b === undefined) return 1n;
      const found = typeof a === typeof b ? sign(a, b) : typeof a === 'bigint' ? -1n : 1n;
      if (found) return found;
    }
    return sign(mine.length, theirs.length);
  }
}

const can = (make: () => Semver): boolean => {
  try {
    make();
    return true;
  } catch (error) {
    if (error instanceof CelFailure) return false;
    throw error;
  }
};

/** The library of versions of Kubernetes' CEL: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library */
export function semverLibrary(env: Environment): void {
  const T = 'kubernetes.Semver';
  const parse = (text: string, lenient = false): Semver => (lenient ? Semver.normalized(text) : new Semver(text));
  env
    .registerType(T, Semver)
    .registerFunction(`semver(string): ${T}`, (s: string) => parse(s))
    .registerFunction(`semver(string, bool): ${T}`, (s: string, lenient: boolean) => parse(s, lenient))
    .registerFunction('isSemver(string): bool', (s: string) => can(() => parse(s)))
    .registerFunction('isSemver(string, bool): bool', (s: string, lenient: boolean) => can(() => parse(s, lenient)))
    .registerFunction(`${T}.major(): int`, (v: Semver) => v.numbers[0])
    .registerFunction(`${T}.minor(): int`, (v: Semver) => v.numbers[1])
    .registerFunction(`${T}.patch(): int`, (v: Semver) => v.numbers[2])
    .registerFunction(`${T}.isGreaterThan(${T}): bool`, (a: Semver, b: Semver) => a.compare(b) > 0n)
    .registerFunction(`${T}.isLessThan(${T}): bool`, (a: Semver, b: Semver) => a.compare(b) < 0n)
    .registerFunction(`${T}.compareTo(${T}): int`, (a: Semver, b: Semver) => a.compare(b))
    .registerOperator(`${T} == ${T}`, (a: Semver, b: Semver) => a.compare(b) === 0n);
}
