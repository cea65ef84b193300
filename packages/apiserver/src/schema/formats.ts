import { isIP, isIPv4, isIPv6 } from 'node:net';

const cidr = (text: string): boolean => {
  const [ip, bits, ...rest] = text.split('/');
  return rest.length === 0 && bits !== undefined && /^\d{1,3}$/.test(bits) && isIP(ip!) !== 0 && Number(bits) <= (isIPv4(ip!) ? 32 : 128);
};
const uuid = (version: string): RegExp => new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i');
const base64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

/** As go-openapi has it: a single name, or one that ends with a word of two letters or more. */
const HOSTNAME =
  /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$/u;

/** The string formats that Kubernetes checks (apiextensions' supported formats); unknown ones are not checked. */
const checks: Record<string, (text: string) => boolean> = {
  'date-time': (t) => /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(t) && !Number.isNaN(Date.parse(t)),
  date: (t) => /^\d{4}-\d\d-\d\d$/.test(t) && !Number.isNaN(Date.parse(t)),
  ipv4: (t) => isIPv4(t),
  ipv6: (t) => isIPv6(t),
  ip: (t) => isIP(t) !== 0,
  cidr,
  mac: (t) => /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(t),
  uri: (t) => URL.canParse(t),
  email: (t) => /^[^\s@]+@[^\s@]+$/.test(t),
  hostname: (t) => HOSTNAME.test(t) && t.split('.').every((part) => part.length >= 1 && part.length <= 63),
  uuid: (t) => uuid('[0-9a-f]').test(t),
  uuid3: (t) => uuid('3').test(t),
  uuid4: (t) => uuid('4').test(t),
  uuid5: (t) => uuid('5').test(t),
  byte: base64,
  duration: (t) =>
    /^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$/.test(t) || /^\d+\s*(ns|us|ms|s|seconds?|m|minutes?|h|hours?|d|days?|w|weeks?)$/.test(t),
  hexcolor: (t) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(t),
};

export function formatProblem(format: string, text: string): boolean {
  const check = Object.hasOwn(checks, format) ? checks[format] : undefined;
  return check !== undefined && !check(text);
}
