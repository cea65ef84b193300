import { isDeepStrictEqual } from 'node:util';
import { pointer, type Answer, type Step } from './side.ts';

/** What two answers differ in: a place, and what is there. */
export interface Difference {
  case: string;
  do: string;
  /** Where: `status`, `reason`, `causes`, `message`, `header NAME`, or a path in the body. */
  at: string;
  real: unknown;
  embedded: unknown;
}

const HEADERS = [
  'content-type',
  'cache-control',
  'warning',
  'retry-after',
  'x-content-type-options',
  'www-authenticate',
  'allow',
  'location',
];
/** How far apart two clocks' readings in one run are, at most. */
const SOON = 3600_000;

/** Takes out of a text what differs from run to run, and the difference of Go's structs that some refusals end with. */
function maskText(text: string): string {
  return text
    .replace(/\n@@[^]*/, '')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>')
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)/g, (time) =>
      Math.abs(Date.parse(time.replace(' +0000 UTC', 'Z').replace(' ', 'T')) - Date.now()) < SOON ? '<time>' : time,
    )
    .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<x>')
    .replace(/\b(generated)-[a-z0-9]{5}\b/g, '$1-<x>')
    .replace(/\b10\.(9[6-9]|1[01]\d)\.\d+\.\d+\b/g, '<ip>')
    .replace(/127\.0\.0\.1:\d+/g, '<address>')
    .replace(/(in record \()\d+/g, '$1<version>')
    .replace(/((?:resource version|ResourceVersion in object meta|Current|current)[a-z ]*:? )\d+/g, '$1<version>');
}

function mask(value: any, key = ''): any {
  if (typeof value === 'string') {
    if (key === 'cells')
      return maskText(value)
        .replace(/^\d+m?s$/, '<age>')
        .replace(/:3\d{4}\//g, ':<port>/');
    if (key === 'resourceVersion' && /^\d+$/.test(value)) return '<version>';
    if ((key === 'continue' || key === 'token') && value) return `<${key}>`;
    return maskText(value);
  }
  if (key === 'nodePort' && value >= 30000) return '<port>';
  if (typeof value !== 'object' || value === null) return value;
  // By the second in which each wrote.
  if (key === 'managedFields' && Array.isArray(value)) return value.map((v) => mask(v)).sort((a, b) => (who(a) < who(b) ? -1 : 1));
  if (Array.isArray(value)) return value.map((v) => mask(v, key));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, mask(v, k)]));
}

const who = (entry: any): string => [entry.operation, entry.manager, entry.subresource, entry.apiVersion].join();

/** The words of a text, whatever their order: causes come in the order of Go's maps. Structs that they tell of are as Go has them inside. */
const words = (text: unknown): string =>
  String(text)
    .replace(/(value: )[[{].*?[\]}](?=: |, [a-zA-Z]+[\w.[\]]*: |\]?$)/g, '$1<struct>')
    .split(/[\s,[\]]+/)
    .sort()
    .join(' ');

type Found = Omit<Difference, 'case' | 'do'>;

/** Every difference between what the two servers answered to a step. */
export function differences(step: Step, real: Answer, embedded: Answer): Found[] {
  const found: Found[] = [];
  const tell = (at: string, a: unknown, b: unknown): void => {
    if (!isDeepStrictEqual(a, b)) found.push({ at, real: a, embedded: b });
  };
  if (real.status !== embedded.status) {
    tell('status', outcome(real), outcome(embedded));
    return found;
  }
  for (const name of HEADERS) tell(`header ${name}`, header(real, name), header(embedded, name));
  const [a, b] = [mask(real.body), mask(embedded.body)];
  if (step.only) for (const at of step.only) tell(at, pointer(a, at), pointer(b, at));
  else if (a === undefined || b === undefined) tell('text', maskText(real.text), maskText(embedded.text));
  else if (a?.kind === 'Status' && b?.kind === 'Status') {
    const causes = (status: any): string[] => (status.details?.causes ?? []).map((c: any) => `${c.reason} ${c.field}`).sort();
    tell('reason', a.reason, b.reason);
    tell('causes', causes(a), causes(b));
    if (words(a.message) !== words(b.message)) tell('message', a.message, b.message);
    const rest = ({ message: _m, reason: _r, details: { causes: _c, ...details } = {}, ...other }: any): unknown => ({ ...other, details });
    walk('', rest(a), rest(b), tell);
  } else walk('', a, b, tell);
  return found;
}

const outcome = ({ status, body, text }: Answer): string =>
  `${status} ${body?.kind === 'Status' ? `${body.reason}: ${maskText(body.message ?? '')}` : text.slice(0, 100)}`;

const header = (answer: Answer, name: string): unknown => {
  const value = answer.headers[name];
  return typeof value === 'string' ? maskText(value) : value;
};

function walk(at: string, a: any, b: any, tell: (at: string, a: unknown, b: unknown) => void): void {
  if (isDeepStrictEqual(a, b)) return;
  const open = typeof a === 'object' && typeof b === 'object' && a && b && Array.isArray(a) === Array.isArray(b);
  if (!open || (Array.isArray(a) && a.length !== b.length)) return tell(at || '/', a, b);
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) walk(`${at}/${key}`, a[key], b[key], tell);
}
