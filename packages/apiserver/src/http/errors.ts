/** One cause of a refusal, as `details.causes` of a Status has it. */
export interface Cause {
  reason: string;
  message: string;
  field: string;
}

/** A refusal that becomes a Kubernetes Status; `code` is the HTTP status code. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: number, reason: string, message: string, details?: Record<string, unknown>) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The Status object that goes over the wire. */
  status(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

interface Named {
  group: string;
  plural: string;
  kind: string;
}

const details = (r: Named, name: string): Record<string, unknown> => ({
  ...(name ? { name } : {}),
  ...(r.group ? { group: r.group } : {}),
  kind: r.plural,
});
const qualified = (r: Named): string => (r.group ? `${r.plural}.${r.group}` : r.plural);

export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message);
export const notFound = (r: Named, name: string): ApiError =>
  new ApiError(404, 'NotFound', `${qualified(r)} "${name}" not found`, details(r, name));
export const alreadyExists = (r: Named, name: string): ApiError =>
  new ApiError(409, 'AlreadyExists', `${qualified(r)} "${name}" already exists`, details(r, name));
export const conflict = (r: Named, name: string, why?: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(r)} "${name}": ${
      why ?? 'the object has been modified; please apply your changes to the latest version and try again'
    }`,
    details(r, name),
  );
export const forbidden = (r: Named, name: string, why: string): ApiError =>
  new ApiError(403, 'Forbidden', `${qualified(r)} ${JSON.stringify(name)} is forbidden: ${why}`, details(r, name));
export const expired = (message: string): ApiError => new ApiError(410, 'Expired', message);
export const noSuchPath = (): ApiError => new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
export const methodNotAllowed = (): ApiError =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const notSupported = (r: Named, verb: string): ApiError =>
  new ApiError(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(r)}"`, details(r, ''));
export const unsupportedMediaType = (accepted: string[]): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
/** The same for what built-in kinds have routes for, by type. */
export const noRouteForType = (): ApiError => new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

/** A 422 from field errors, worded as Kubernetes words a list of them. */
export function invalid(r: Named, name: string, causes: Cause[]): ApiError {
  const texts = [...new Set(causes.map((c) => `${c.field}: ${c.message}`))];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const kind = r.group ? `${r.kind}.${r.group}` : r.kind;
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${text}`, {
    ...(name ? { name } : {}),
    ...(r.group ? { group: r.group } : {}),
    ...(r.kind ? { kind: r.kind } : {}),
    causes,
  });
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'null';

/** Field errors, worded as Kubernetes words them (k8s.io/apimachinery/pkg/util/validation/field). */
export const field = {
  required: (path: string, detail = ''): Cause => ({
    reason: 'FieldValueRequired',
    message: `Required value${detail && `: ${detail}`}`,
    field: path,
  }),
  invalid: (path: string, value: unknown, detail: string): Cause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${show(value)}: ${detail}`,
    field: path,
  }),
  typeInvalid: (path: string, value: unknown, detail: string): Cause => ({
    reason: 'FieldValueTypeInvalid',
    message: `Invalid value: ${show(value)}: ${detail}`,
    field: path,
  }),
  notSupported: (path: string, value: unknown, allowed: readonly unknown[]): Cause => ({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${show(value)}: supported values: ${allowed.map(show).join(', ')}`,
    field: path,
  }),
  duplicate: (path: string, value: unknown): Cause => ({
    reason: 'FieldValueDuplicate',
    message: `Duplicate value: ${show(value)}`,
    field: path,
  }),
  forbidden: (path: string, detail: string): Cause => ({ reason: 'FieldValueForbidden', message: `Forbidden: ${detail}`, field: path }),
  tooLong: (path: string, max: number): Cause => ({
    reason: 'FieldValueTooLong',
    message: `Too long: may not be more than ${max} bytes`,
    field: path,
  }),
  tooMany: (path: string, count: number, max: number): Cause => ({
    reason: 'FieldValueTooMany',
    message: `Too many: ${count}: must have at most ${max} items`,
    field: path,
  }),
};
