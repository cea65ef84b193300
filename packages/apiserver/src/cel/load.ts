import type * as Rules from './rules.ts';

let rules: typeof Rules | undefined;

/** Loads what compiles and runs the rules of custom resources, once; few servers ever need it, and it takes a while. */
export async function loadRules(): Promise<void> {
  rules ??= await import('./rules.ts');
}

/** What `loadRules` loaded before. */
export const loadedRules = (): typeof Rules => rules!;
