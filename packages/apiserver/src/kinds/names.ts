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

/** Kubernetes counts the names of objects in characters, and labels in bytes. */
const long = (max: number): string => `must be no more than ${max} characters`;
const longLabel = (max: number): string => `must be no more than ${max} bytes`;

/** What is wrong with a text: nothing, or everything, since Kubernetes says all of it. */
export type Check = (text: string) => string[];

const checked =
  (max: number, pattern: RegExp, explain: string, tooLong = long): Check =>
  (text) => [...(text.length > max ? [tooLong(max)] : []), ...(pattern.test(text) ? [] : [explain])];

export const dnsSubdomain = checked(
  253,
  subdomainPattern,
  `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`,
);

const plainLabel = checked(
  63,
  labelPattern,
  `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`,
);

export const dnsLabel: Check = (text) =>
  text.includes('.') && subdomainPattern.test(text) ? [...(text.length > 63 ? [long(63)] : []), 'must not contain dots'] : plainLabel(text);

export const dns1035Label = checked(
  63,
  label1035Pattern,
  `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
);

/** Names of RBAC objects: anything that is one path segment. */
export const pathSegment: Check = (name) =>
  name === '.' || name === '..'
    ? [`may not be '${name}'`]
    : ['/', '%'].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`);

const nameOfLabel = checked(
  63,
  qualifiedPattern,
  `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}')`,
  (max) => `name part ${longLabel(max)}`,
);

export const labelKey: Check = (key) => {
  const parts = key.split('/');
  if (parts.length > 2)
    return [
      `a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${QUALIFIED}') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const name = parts.at(-1)!;
  const problems: string[] = [];
  if (parts.length === 2) {
    if (parts[0] === '') problems.push('prefix part must be non-empty');
    else problems.push(...dnsSubdomain(parts[0]!).map((problem) => `prefix part ${problem.replace(/characters$/, 'bytes')}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  return [...problems, ...nameOfLabel(name)];
};

export const labelValue = checked(
  63,
  valuePattern,
  `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${VALUE}')`,
  longLabel,
);
