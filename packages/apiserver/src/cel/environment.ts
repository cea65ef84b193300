import { Environment } from '@marcbachmann/cel-js';
import { listLibrary } from './lists.ts';
import { macroLibrary } from './macros.ts';
import { networkLibrary } from './network.ts';
import { quantityLibrary } from './quantity.ts';
import { semverLibrary } from './semver.ts';
import { textLibrary } from './text.ts';

let base: Environment | undefined;

/** An environment of its own with everything that Kubernetes' CEL has: https://kubernetes.io/docs/reference/using-api/cel/ */
export function kubernetesEnvironment(): Environment {
  if (!base) {
    base = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    for (const library of [macroLibrary, textLibrary, listLibrary, quantityLibrary, networkLibrary, semverLibrary]) library(base);
  }
  return base.clone();
}

const STRING_LITERAL = /[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/y;

/**
 * A rule with has and matches by the names of our own, as long as theirs so that positions stay; the library's cannot be replaced.
 */
export function ownNames(rule: string): string {
  let out = '';
  for (let i = 0; i < rule.length;) {
    STRING_LITERAL.lastIndex = i;
    const found = STRING_LITERAL.exec(rule)?.[0] ?? /^[A-Za-z_]\w*/.exec(rule.slice(i, i + 200))?.[0] ?? rule[i]!;
    const called = /^\s*\(/.test(rule.slice(i + found.length, i + found.length + 20));
    out += called && found === 'has' ? 'h_s' : called && found === 'matches' ? 'match_s' : found;
    i += found.length;
  }
  return out;
}
