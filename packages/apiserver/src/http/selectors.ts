import { badRequest } from './errors.ts';
import { labelKey, labelValue } from '../kinds/names.ts';

export type Test = (values: Readonly<Record<string, string>>) => boolean;

type Requirement = { key: string; op: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt'; values: string[] };

const holds = (r: Requirement, labels: Readonly<Record<string, string>>): boolean => {
  const value = Object.hasOwn(labels, r.key) ? labels[r.key] : undefined;
  switch (r.op) {
    case 'in':
      return value !== undefined && r.values.includes(value);
    case 'notin':
      return value === undefined || !r.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'gt':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) > BigInt(r.values[0]!);
    case 'lt':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) < BigInt(r.values[0]!);
  }
};

const TOKEN = /\s*(?:(!=|==|=|!|\(|\)|,|>|<)|([^\s!=,()<>]+))/y;

/** Parses a label selector such as `a=b,c in (d,e),!f`; undefined where it selects everything. A bad one is a 400. */
export function labelSelector(text: string | null | undefined): Test | undefined {
  if (!text?.trim()) return undefined;
  const fail = (why: string): never => {
    throw badRequest(`unable to parse requirement: ${why}`);
  };
  const tokens: { text: string; word: boolean }[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) return fail(`found '${text.slice(at)}'`);
    tokens.push({ text: found[1] ?? found[2]!, word: found[2] !== undefined });
  }
  let i = 0;
  const peek = (): string | undefined => (tokens[i]?.word === false ? tokens[i]!.text : undefined);
  const word = (what: string): string => {
    const t = tokens[i++];
    if (!t?.word) return fail(`found '${t?.text ?? ''}', expected: ${what}`);
    return t.text;
  };
  const key = (): string => {
    const k = word('identifier');
    const [problem] = labelKey(k);
    return problem ? fail(`<nil>: Invalid value: "${k}": ${problem}`) : k;
  };
  const requirements: Requirement[] = [];
  for (;;) {
    if (peek() === '!') {
      i += 1;
      requirements.push({ key: key(), op: 'absent', values: [] });
    } else {
      if (!tokens[i]!.word) throw badRequest(`found '${tokens[i]!.text}', expected: !, identifier, or 'end of string'`);
      const k = key();
      const t = tokens[i];
      if (!t || t.text === ',') {
        requirements.push({ key: k, op: 'exists', values: [] });
      } else if (!t.word && ['=', '==', '!='].includes(t.text)) {
        i += 1;
        const value = tokens[i] && peek() !== ',' ? word('identifier') : '';
        requirements.push({ key: k, op: t.text === '!=' ? 'notin' : 'in', values: [value] });
      } else if (!t.word && (t.text === '>' || t.text === '<')) {
        i += 1;
        const value = word('identifier');
        if (!/^-?\d+$/.test(value)) fail(`values[0]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`);
        requirements.push({ key: k, op: t.text === '>' ? 'gt' : 'lt', values: [value] });
      } else if (t.word && (t.text === 'in' || t.text === 'notin')) {
        i += 1;
        if (peek() !== '(') fail(`found '${tokens[i]?.text ?? ''}', expected: '('`);
        i += 1;
        const values: string[] = [];
        if (!tokens[i]?.word && ![',', ')'].includes(peek() ?? ''))
          fail(`found '${tokens[i]?.text ?? ''}', expected: ',', ')' or identifier`);
        for (;;) {
          if (tokens[i]?.word) values.push(tokens[i++]!.text);
          else values.push('');
          if (peek() === ',') {
            i += 1;
            continue;
          }
          if (peek() === ')') {
            i += 1;
            break;
          }
          fail(`found '${tokens[i]?.text ?? ''}', expected: ',' or ')'`);
        }
        requirements.push({ key: k, op: t.text, values });
      } else {
        fail(`found '${t.text}', expected: in, notin, =, ==, !=, gt, lt`);
      }
      for (const v of requirements.at(-1)!.values) {
        const [problem] = labelValue(v);
        if (problem) fail(`values[0][${k}]: Invalid value: "${v}": ${problem}`);
      }
    }
    if (i >= tokens.length) break;
    if (peek() !== ',') throw badRequest(`found '${tokens[i]!.text}', expected: ',' or 'end of string'`);
    i += 1;
    if (!tokens[i]?.word && peek() !== '!') throw badRequest(`found '${tokens[i]?.text ?? ''}', expected: identifier after ','`);
  }
  return (labels) => requirements.every((r) => holds(r, labels));
}

/** The value that a field is compared with: a backslash stands before what would end it. @throws 400 */
function unescaped(text: string): string {
  return text.replace(/\\([^])?|[,=]/g, (all, escaped: string | undefined) => {
    if (all === '=' || all === ',') throw badRequest(`invalid field selector: unescaped character in value: ${all.charCodeAt(0)}`);
    if (escaped === undefined || !'\\,='.includes(escaped)) throw badRequest(`invalid field selector: invalid escape sequence: ${all}`);
    return escaped;
  });
}

interface Term {
  field: string;
  value: string;
  not: boolean;
}

/** @throws 400 */
function fieldTerms(text: string): Term[] {
  const terms: Term[] = [];
  for (const part of text.split(/(?<!\\),/)) {
    if (!part) continue;
    const found = /^(.*?)(!=|==|=)(.*)$/s.exec(part);
    if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const field = found[1]!;
    const value = unescaped(found[3]!);
    if (field || value) terms.push({ field, value, not: found[2] === '!=' });
  }
  return terms;
}

/** Parses a field selector such as `metadata.name=a,spec.nodeName!=b`; `check` refuses the fields that the kind does not have. */
export function fieldSelector(text: string | null | undefined, check: (name: string) => void): Test | undefined {
  if (!text?.trim()) return undefined;
  const terms = fieldTerms(text);
  for (const { field } of terms) check(field);
  return (fields) => terms.every((t) => ((fields[t.field] ?? '') === t.value) !== t.not);
}

/** The one name that a field selector leaves: a list or watch with it is as one of that object to RBAC. Empty where it leaves others, or cannot be read. */
export function selectedName(text: string | null): string {
  try {
    return fieldTerms(text ?? '').find(({ field, not }) => field === 'metadata.name' && !not)?.value ?? '';
  } catch {
    return '';
  }
}
