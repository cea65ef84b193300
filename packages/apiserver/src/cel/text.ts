import { Optional, type Environment } from '@marcbachmann/cel-js';
import type { Duration } from '@marcbachmann/cel-js/evaluator';
import type { RE2JS } from 're2js';
import { dns1035Label, dnsLabel, dnsSubdomain, labelKey, labelValue, type Check } from '../kinds/names.ts';
import { formatProblem } from '../schema/formats.ts';
import { goRegExp } from '../schema/go-regexp.ts';
import { fail } from './error.ts';
import { namespace } from './namespace.ts';

const regexp = (text: string): RE2JS => goRegExp(text) ?? fail(`error parsing regexp: invalid regular expression: \`${text}\``);

/** Kubernetes' named formats by the name that `format.<name>()` has. */
const NAMED: Record<string, (text: string) => string[]> = {};
{
  const prefix =
    (check: Check): Check =>
    (text) =>
      check(text.endsWith('-') ? `${text}a` : text);
  const format =
    (name: string, text: string) =>
    (value: string): string[] =>
      formatProblem(name, value) ? [text] : [];
  Object.assign(NAMED, {
    dns1123Label: dnsLabel,
    dns1123LabelPrefix: prefix(dnsLabel),
    dns1123Subdomain: dnsSubdomain,
    dns1123SubdomainPrefix: prefix(dnsSubdomain),
    dns1035Label,
    dns1035LabelPrefix: prefix(dns1035Label),
    qualifiedName: labelKey,
    labelValue,
    uri: format('uri', 'invalid URI'),
    uuid: format('uuid', 'does not match the UUID format'),
    byte: format('byte', 'invalid base64'),
    date: format('date', 'invalid date'),
    datetime: format('date-time', 'invalid datetime'),
  });
}

class Format {
  readonly check: (text: string) => string[];
  constructor(check: (text: string) => string[]) {
    this.check = check;
  }
}

/** `%s`, `%d`, `%f`, `%e`, `%x`, `%X`, `%o`, `%b` of cel-go's string.format. */
function formatted(template: string, values: unknown[]): string {
  let next = 0;
  const text = (v: unknown): string => {
    if (Array.isArray(v)) return `[${v.map(text).join(', ')}]`;
    if (v instanceof Map)
      return `{${[...v]
        .map(([k, x]) => `${text(k)}: ${text(x)}`)
        .sort()
        .join(', ')}}`;
    if (v instanceof Date) return v.toISOString().replace('.000Z', 'Z');
    return String(v);
  };
  const out = template.replace(/%%|%(?:\.(\d+))?([sdfexXob])|%/g, (clause, digits: string | undefined, verb: string | undefined) => {
    if (clause === '%%') return '%';
    if (!verb) return fail('could not parse formatting clause: unrecognized formatting clause');
    if (next >= values.length) return fail(`index ${next} out of range`);
    const v = values[next++];
    const radix = { x: 16, X: 16, o: 8, b: 2 }[verb];
    if (verb === 's') return text(v);
    if (verb === 'f') return Number(v).toFixed(digits === undefined ? 6 : Number(digits));
    if (verb === 'e')
      return Number(v)
        .toExponential(digits === undefined ? 6 : Number(digits))
        .replace(/e([+-])(\d)$/, 'e$10$2');
    if (verb === 'd') return String(v);
    const shown = typeof v === 'string' ? Buffer.from(v).toString('hex') : (v as bigint).toString(radix);
    return verb === 'X' ? shown.toUpperCase() : shown;
  });
  return out;
}

/**
 * Strings, regular expressions and named formats of Kubernetes' CEL; the library has the rest:
 * https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-regex-library
 */
export function textLibrary(env: Environment): void {
  const formats = namespace(env, 'format');
  env
    // What is optional may be compared with null, and never is.
    .registerOperator('optional<dyn> == null', () => false)
    .registerType('kubernetes.NamedFormat', Format)
    .registerFunction(`${formats}.named(string): optional<kubernetes.NamedFormat>`, (_: unknown, name: string) =>
      Object.hasOwn(NAMED, name) ? Optional.of(new Format(NAMED[name]!)) : Optional.none(),
    )
    .registerFunction('kubernetes.NamedFormat.validate(string): optional<list<string>>', (f: Format, text: string) => {
      const problems = f.check(text);
      return problems.length ? Optional.of(problems) : Optional.none();
    })
    .registerFunction('string.match_s(string): bool', (s: string, pattern: string) => regexp(pattern).test(s))
    .registerFunction('match_s(string, string): bool', (s: string, pattern: string) => regexp(pattern).test(s))
    .registerFunction('string.find(string): string', (s: string, pattern: string) => findAll(s, pattern, 1n)[0] ?? '')
    .registerFunction('string.findAll(string): list<string>', (s: string, pattern: string) => findAll(s, pattern, -1n))
    .registerFunction('string.findAll(string, int): list<string>', findAll)
    .registerFunction('string.charAt(int): string', (s: string, i: bigint) => {
      const all = [...s];
      return i < 0n || i > all.length ? fail(`index out of range: ${i}`) : (all[Number(i)] ?? '');
    })
    .registerFunction('string.replace(string, string): string', (s: string, from: string, to: string) => s.replaceAll(from, () => to))
    .registerFunction('string.replace(string, string, int): string', (s: string, from: string, to: string, n: bigint) => {
      if (n < 0n) return s.replaceAll(from, () => to);
      let left = n;
      return s.replaceAll(from, (whole) => (left-- > 0n ? to : whole));
    })
    .registerFunction('timestamp(google.protobuf.Timestamp): google.protobuf.Timestamp', (t: Date) => t)
    .registerFunction('duration(google.protobuf.Duration): google.protobuf.Duration', (d: Duration) => d)
    .registerFunction('string(google.protobuf.Timestamp): string', (t: Date) => t.toISOString().replace('.000Z', 'Z'))
    .registerFunction('string(google.protobuf.Duration): string', (d: Duration) => d.toString())
    .registerFunction('int(google.protobuf.Timestamp): int', (t: Date) => BigInt(Math.floor(t.getTime() / 1000)))
    .registerFunction('string.reverse(): string', (s: string) => [...s].reverse().join(''))
    .registerFunction('string.format(list<dyn>): string', formatted);
  for (const [name, check] of Object.entries(NAMED))
    env.registerFunction(`${formats}.${name}(): kubernetes.NamedFormat`, () => new Format(check));
}

function findAll(s: string, pattern: string, limit: bigint): string[] {
  const found: string[] = [];
  const most = limit < 0n ? Infinity : Number(limit);
  const matcher = regexp(pattern).matcher(s);
  while (found.length < most && matcher.find()) found.push(matcher.group()!);
  return found;
}
