/* Values that Kubernetes reads in many spellings and writes in one. */

const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const QUANTITY = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d{1,4}))?$/;
/** What no suffix says is given up: a quantity's smallest part is 10^-9. */
const NANO = 9;

const spelled = new Map<string, string>();

/** A quantity as Kubernetes writes it (`0.5` as `500m`, `1024Mi` as `1Gi`), or undefined where it is none. */
export function quantity(value: string | number): string | undefined {
  const text = String(value).trim();
  let found = spelled.get(text);
  if (found === undefined) {
    found = canonical(text);
    if (found === undefined) return undefined;
    if (spelled.size > 2000) spelled.clear();
    spelled.set(text, found);
  }
  return found;
}

function canonical(text: string): string | undefined {
  const parts = QUANTITY.exec(text);
  if (!parts) return undefined;
  const [, sign = '', whole = '', fraction = '', suffix = '', exponent] = parts;
  if (!whole && !fraction) return undefined;
  const binary = BINARY.indexOf(suffix, 1);
  const power = binary > 0 ? 0 : exponent !== undefined ? Number(exponent) : (DECIMAL.indexOf(suffix) - 3) * 3;
  if (Math.abs(power) > 40) return text;
  // The value in units of 10^-9, rounded away from zero.
  let nanos = BigInt(whole + fraction) * (binary > 0 ? 1024n ** BigInt(binary) : 1n);
  const shift = power + NANO - fraction.length;
  if (shift >= 0) nanos *= 10n ** BigInt(shift);
  else {
    const by = 10n ** BigInt(-shift);
    nanos = (nanos + by - 1n) / by;
  }
  const minus = sign === '-' && nanos !== 0n ? '-' : '';
  const one = 10n ** BigInt(NANO);
  if (binary > 0 && nanos % one === 0n && nanos / one >= 1024n) {
    let units = nanos / one;
    let step = 0;
    while (units % 1024n === 0n && step < BINARY.length - 1) {
      units /= 1024n;
      step += 1;
    }
    return `${minus}${units}${BINARY[step]}`;
  }
  if (nanos === 0n) return '0';
  let units = nanos;
  let step = 0;
  const last = exponent === undefined ? DECIMAL.length - 1 : Infinity;
  while (units % 1000n === 0n && step < last) {
    units /= 1000n;
    step += 1;
  }
  if (exponent !== undefined) return `${minus}${units}${step === 3 ? '' : `e${(step - 3) * 3}`}`;
  return `${minus}${units}${DECIMAL[step]}`;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d+))?(?:Z|[+-]\d\d:\d\d)$/;

/** The parts of a time's layout, as Go tells of them. */
const LAYOUT: [text: string, part: RegExp][] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d?/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
  ['05', /^\d\d/],
];

/** Why a text is no time, as Go's parser says it. */
export function timeProblem(text: string, micro: boolean): string {
  const fraction: [string, RegExp] = micro ? ['.000000', /^\.\d{6}(?!\d)/] : ['', /^(\.\d+)?/];
  const layout = [...LAYOUT, fraction, ['Z07:00', /^(Z|[+-]\d\d:\d\d)/] as [string, RegExp]];
  const shown = JSON.stringify(text);
  let rest = text;
  for (const [part, pattern] of layout) {
    const found = pattern.exec(rest);
    if (!found) return `parsing time ${shown} as "${layout.map(([l]) => l).join('')}": cannot parse ${JSON.stringify(rest)} as "${part}"`;
    rest = rest.slice(found[0].length);
  }
  if (rest) return `parsing time ${shown}: extra text: ${JSON.stringify(rest)}`;
  const [, month, , hour, minute, second] = /^\d+-(\d+)-(\d+)T(\d+):(\d+):(\d+)/.exec(text)!.map(Number);
  const bad = month! < 1 || month! > 12 ? 'month' : hour! > 23 ? 'hour' : minute! > 59 ? 'minute' : second! > 59 ? 'second' : 'day';
  return `parsing time ${shown}: ${bad} out of range`;
}

/** A time in UTC, in seconds or (`micro`) in microseconds, or undefined where the text is none (RFC 3339). */
export function time(text: string, micro: boolean): string | undefined {
  const parts = TIME.exec(text);
  const at = parts ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at) || (micro && parts?.[1]?.length !== 6)) return undefined;
  const seconds = new Date(Math.floor(at / 1000) * 1000).toISOString().slice(0, 19);
  return micro ? `${seconds}.${parts![1]}Z` : `${seconds}Z`;
}
