/** Which kernel this is, which plugins go with it, and that there is only one in the process. */
import { readFileSync } from 'node:fs';
import semver from 'semver';
import { fail } from './errors.ts';

const HERE = new URL('../../package.json', import.meta.url);

/** The version of this @kosmos/kernel. */
export const KERNEL_VERSION = (JSON.parse(readFileSync(HERE, 'utf8')) as { version: string }).version;
/** The version of the plugin contract that it understands. */
export const API_VERSION = 1;

/**
 * Does a kernel of `version` satisfy a plugin's `range`? A release candidate also loads plugins made for the release that it
 * becomes and for the line before, so that they can be tried with it (the rule of fastify).
 */
export function satisfies(version: string, range: string): boolean {
  if (semver.satisfies(version, range, { includePrerelease: true })) return true;
  if (semver.prerelease(version)?.[0] !== 'rc') return false;
  const release = semver.coerce(version);
  const oldest = semver.minVersion(range);
  return (release !== null && semver.satisfies(release, range)) || (oldest !== null && semver.gt(version, oldest));
}

/** Plugins of one runtime are unknown to another, so a second copy is refused. */
export function claimProcess(): void {
  const shared = globalThis as { [key: symbol]: string | undefined };
  const key = Symbol.for('kosmos.runtime');
  shared[key] ??= HERE.href;
  if (shared[key] === HERE.href) return;
  throw fail(
    'KOSMOS_E_RUNTIME_TWICE',
    `two copies of the kernel runtime are loaded: ${new URL('.', shared[key]).pathname} and ${new URL('.', HERE).pathname}`,
  );
}
