/** Takes secrets out of what is to be shown to others: by the names of fields, and by what secrets look like. Pure. */

export const REDACTED = '<redacted>';

/** Texts in fields of these names, whatever they are. */
const SECRET_FIELD =
  /kubeconfig$|token$|passw|secret$|credential|authorization|(api|access|private|encryption)[-_]?key|^data$|^stringData$|^binaryData$/i;
/** Written by tools, and copies of whole objects among them. */
const DROPPED = new Set(['managedFields', 'kubectl.kubernetes.io/last-applied-configuration']);

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  // A JSON Web Token: what a service account shows.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, REDACTED],
  [/\b(Bearer\s+|Authorization:\s*\w+\s+)[\w.~+/=-]+/gi, `$1${REDACTED}`],
  [/(:\/\/)[^\s/@]+@/g, `$1${REDACTED}@`],
  [/((?:token|passw(?:or)?d|passphrase|secret|(?:api|access|private)[-_]?key)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, `$1${REDACTED}`],
  [/((?:token|client-key|client-certificate)-data:\s*)\S+/gi, `$1${REDACTED}`],
];
/** Shorter than any kubeconfig or key. */
const BASE64 = /[A-Za-z0-9+/_-]{60,}={0,2}/g;

/** A copy without secrets. */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !DROPPED.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [redactText(key), redactField(key, inner)]));
}

function redactField(key: string, value: unknown): unknown {
  // Of containers: who wrote it said nowhere what is secret.
  if (key === 'env' && Array.isArray(value)) return value.map((one) => (hasValue(one) ? { ...one, value: REDACTED } : redact(one)));
  return SECRET_FIELD.test(key) ? hidden(value) : redact(value);
}

/** Every text in it; what has no text, such as a flag, says nothing. */
function hidden(value: unknown): unknown {
  if (typeof value === 'string') return REDACTED;
  if (Array.isArray(value)) return value.map(hidden);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner)]));
}

export function redactText(text: string): string {
  const plain = PATTERNS.reduce((all, [pattern, instead]) => all.replace(pattern, instead), text);
  return plain.replace(BASE64, (found) => (isSecret(Buffer.from(found, 'base64').toString()) ? REDACTED : found));
}

const isSecret = (decoded: string): boolean => /kind["']?:\s*["']?Config\b/.test(decoded) || redactText(decoded) !== decoded;

const hasValue = (one: unknown): one is { readonly value: unknown } => typeof one === 'object' && one !== null && 'value' in one;
