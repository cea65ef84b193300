import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

/** Loaded with the first: few servers ever see one, and it takes some 10 ms. */
let library: typeof RE2JS | undefined;

const compiled = new Map<string, RE2JS | undefined>();

/**
 * A regular expression as Go has them (https://golang.org/s/re2syntax); undefined where it is none. Whatever the expression is, it
 * takes a time by the length of the text only, as Go's do: nobody holds the server up with one.
 */
export function goRegExp(text: string): RE2JS | undefined {
  if (compiled.has(text)) return compiled.get(text);
  library ??= (createRequire(import.meta.url)('re2js') as { RE2JS: typeof RE2JS }).RE2JS;
  let found: RE2JS | undefined;
  try {
    found = library.compile(text);
  } catch {
    // It is none.
  }
  if (compiled.size > 2000) compiled.clear();
  compiled.set(text, found);
  return found;
}
