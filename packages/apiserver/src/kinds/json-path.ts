import { isObject } from '../schema/schema.ts';

type Step = (values: unknown[]) => unknown[];

/**
 * Reads the part of JSONPath that printer columns use: `.a.b`, `['a.b']`, `\.` in names, `[0]`, `[*]`, `[?(@.type=="Ready")]`.
 * Undefined where the path is none of that.
 */
export function jsonPath(path: unknown): ((object: unknown) => unknown[]) | undefined {
  if (typeof path !== 'string' || !/^[.[]/.test(path)) return undefined;
  const steps: Step[] = [];
  const key =
    (name: string): Step =>
    (values) =>
      values.flatMap((v) => (isObject(v) && Object.hasOwn(v, name) ? [v[name]] : []));
  let rest = path;
  while (rest) {
    let found: RegExpExecArray | null;
    if ((found = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest))) {
      steps.push(
        found[1] === '*'
          ? (values) => values.flatMap((v) => (typeof v === 'object' && v !== null ? Object.values(v) : []))
          : key(found[1]!.replace(/\\(.)/g, '$1')),
      );
    } else if ((found = /^\[(-?\d+)\]/.exec(rest))) {
      const i = Number(found[1]);
      steps.push((values) => values.flatMap((v) => (Array.isArray(v) && v.at(i) !== undefined ? [v.at(i)] : [])));
    } else if ((found = /^\[\*\]/.exec(rest))) {
      steps.push((values) => values.flatMap((v) => (Array.isArray(v) ? v : [])));
    } else if ((found = /^\[(?:'([^']*)'|"([^"]*)")\]/.exec(rest))) {
      steps.push(key(found[1] ?? found[2]!));
    } else if ((found = /^\[\?\(\s*@((?:\.[A-Za-z0-9_\-/]+)+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|(\d+|true|false))\s*\)\]/.exec(rest))) {
      const [, inner, op, single, double, bare] = found;
      const read = jsonPath(inner)!;
      const wanted = single ?? double ?? bare;
      steps.push((values) =>
        values.flatMap((v) => (Array.isArray(v) ? v.filter((item) => (String(read(item)[0]) === wanted) === (op === '==')) : [])),
      );
    } else if (rest === '.') {
      break;
    } else {
      return undefined;
    }
    rest = rest.slice(found![0].length);
  }
  return (object) => steps.reduce<unknown[]>((values, step) => step(values), [object]);
}
