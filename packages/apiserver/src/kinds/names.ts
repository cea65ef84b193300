/** Names, labels and their rules, worded as Kubernetes words them (k8s.io/apimachinery/pkg/util/validation). */
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE = `(${QUALIFIED})?`;

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const labelPattern = whole(LABEL);
const label1035Pattern = whole('[a-z]([-a-z0-9]*[a-z0-9])?');
const subdomainPattern = whole(SUBDOMAIN);
const qualifiedPattern = whole(QUALIFIED);
const valuePattern = whole(VALUE);

const long = (max: number): string => `must be no more than ${max} bytes`;
const TOO_LONG = (max: number): string => `must be no more than ${max} characters`;

export function dnsSubdomain(name: string): string | undefined {
  if (name.length > 253) return long(253);
  return subdomainPattern.test(name)
    ? undefined
    : `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
}

export function dnsLabel(name: string): string | undefined {
  if (name.length > 63) return long(63);
  return labelPattern.test(name)
    ? undefined
    : `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
}

export function dns1035Label(name: string): string | undefined {
  if (name.length > 63) return long(63);
  return label1035Pattern.test(name)
    ? undefined
    : `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`;
}

/** Names of RBAC objects: anything that is one path segment. */
export function pathSegment(name: string): string | undefined {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  const bad = ['/', '%'].find((c) => name.includes(c));
  return bad ? `may not contain '${bad}'` : undefined;
}

export function labelKeyProblem(key: string): string | undefined {
  const parts = key.split('/');
  const explain = `a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`;
  if (parts.length > 2) return `${explain} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    if (parts[0] === '') return 'prefix part must be non-empty';
    const problem = dnsSubdomain(parts[0]!);
    if (problem) return `prefix part ${problem}`;
  }
  if (name === '') return 'name part must be non-empty';
  if (name.length > 63) return `name part ${TOO_LONG(63)}`;
  return qualifiedPattern.test(name) ? undefined : explain.replace('a valid label key', 'name part');
}

export function labelValueProblem(value: string): string | undefined {
  if (value.length > 63) return long(63);
  return valuePattern.test(value)
    ? undefined
    : `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${VALUE}')`;
}
