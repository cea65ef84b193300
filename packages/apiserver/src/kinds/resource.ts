import type { Cause } from '../http/errors.ts';
import type { User } from '../auth/tokens.ts';
import type { Check } from './names.ts';
import type { JsonObject, Schema } from '../schema/schema.ts';

export interface Subresource {
  name: string;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
}

/** A table column; `cell` gives its value for an object (a string, a number, or null). */
export interface Column {
  name: string;
  type: string;
  format: string;
  priority: number;
  description?: string;
  cell: (object: JsonObject, now: number) => unknown;
}

/** What a write sees of the rest of the server. */
export interface WriteContext {
  now: string;
  /** Who writes; nobody is the server itself. */
  user?: User;
  dryRun: boolean;
  /** Of services, the primary first. */
  ipFamilies: readonly ('IPv4' | 'IPv6')[];
  allocateClusterIP: (family: 'IPv4' | 'IPv6', wanted?: string) => string;
  allocateNodePort: (wanted?: number) => number;
  /** An object of a built-in kind, by its resource (`plural.group`) and `namespace/name`, as the next write would find it. */
  find: (resource: string, key: string) => JsonObject | undefined;
  /** Whether there is such an object. */
  has: (resource: string, key: string) => boolean;
  /** All objects of a built-in kind. */
  list: (resource: string) => JsonObject[];
  /** The same as the next write would find them, in no order; it takes longer. */
  heads: (resource: string) => JsonObject[];
}

/**
 * What is particular to a kind, as hooks of the one generic write path. Every hook may be absent.
 * They run in this order: `defaults`, `create` or `update`, `validate`, `validateCreate` or `validateUpdate`.
 */
export interface Strategy {
  /** Fills defaults in; runs on everything that is decoded, also on the result of a patch. */
  defaults?: (object: JsonObject) => void;
  /** Whether what a new object needs is there; its creation waits for that, but not for long. */
  ready?: (object: JsonObject, context: WriteContext) => boolean;
  /** Sets what only the server may set, on create. */
  create?: (object: JsonObject, context: WriteContext) => void;
  /** The same on update of the main resource, or of a subresource of `parts`; `old` is not to be changed. */
  update?: (object: JsonObject, old: JsonObject, context: WriteContext, subresource?: string) => void;
  /** The same on update of the status subresource. */
  updateStatus?: (object: JsonObject, old: JsonObject, context: WriteContext) => void;
  /** What a write through a subresource makes of the old object: the part of the new one that it is for. */
  parts?: Record<string, (object: JsonObject, old: JsonObject) => JsonObject>;
  /** What is wrong with an object that a subresource of `parts` makes. */
  partProblems?: Record<string, (object: JsonObject, old: JsonObject) => Cause[]>;
  /** Loads what the checks of its objects need, before each write. */
  prepare?: () => Promise<void>;
  validate?: (object: JsonObject) => Cause[];
  validateCreate?: (object: JsonObject) => Cause[];
  validateUpdate?: (object: JsonObject, old: JsonObject) => Cause[];
  /** What is wrong with an object whose status is written. */
  validateStatus?: (object: JsonObject, old: JsonObject) => Cause[];
  /** Fields for field selectors beside metadata.name and metadata.namespace. */
  fields?: (object: JsonObject) => Record<string, string>;
  /** The status that a creation brings is taken. */
  createsStatus?: boolean;
  /** The same where objects are kept under several names, of all of them; `kept` is an object as it is kept. */
  allFields?: (kept: JsonObject) => Record<string, string>;
  /** Objects are kept as those of another kind, of the resource `as`; without kind and apiVersion, either way. */
  kept?: { as: string; to: (object: JsonObject) => JsonObject; from: (kept: JsonObject) => JsonObject };
  /** Seconds that a deletion waits for someone else to end it; 0 = now. */
  gracePeriod?: (object: JsonObject, asked: number | undefined) => number;
  /** A deletion that says nothing of dependents leaves them, for jobs with a warning. */
  orphans?: boolean | 'loudly';
  /** Its objects are emptied before they go: what holds them until then, and how they show it. */
  emptied?: { finalizer?: string; mark: (object: JsonObject, now: string) => void };
  /** Nothing depends on its objects, whatever a deletion says of dependents. */
  childless?: boolean;
  /** Finalizers may be names without a domain; that is only warned of. */
  freeFinalizers?: boolean;
  /** Every update has to say which version it changes. */
  wantsVersion?: boolean;
  /** An update makes an object that is not there. */
  createsOnUpdate?: boolean;
  /** What the answer to a creation shows, where that is before the server's own controllers saw the object. */
  asCreated?: (object: JsonObject) => JsonObject;
  /** The deleted object is the answer to its deletion, not a Status. */
  returnsDeleted?: boolean;
  /** Fields that no writer owns, as elements of field sets: they are never changed. */
  unowned?: readonly string[];
  /** Why an object of this name may never be deleted. */
  immortal?: (name: string) => string | undefined;
  /** What a writer should be told that does not stop the write. */
  warnings?: (object: JsonObject, old?: JsonObject) => string[];
  /** Checks metadata.name; gives what is wrong with it. */
  name?: Check;
}

/** One kind in one version, as the registry holds it. */
export interface Resource extends Strategy {
  group: string;
  version: string;
  plural: string;
  singular: string;
  kind: string;
  listKind: string;
  namespaced: boolean;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources: Subresource[];
  schema: Schema | undefined;
  columns: Column[];
  /** The objects of all versions of a resource are kept under this key. */
  storage: string;
  /** Version in which its objects are kept. */
  storageVersion: string;
  /** metadata.generation counts changes outside metadata and status. */
  generation: boolean;
  /** The status is only written through the status subresource. */
  statusSubresource: boolean;
  /** What everybody who asks for this version is told. */
  deprecation?: string;
  custom?: CustomFacts;
  /** Objects that are not kept, but made for whoever asks: all of a namespace, or of all with ''. Such a kind has the verbs get and list. */
  computed?: (namespace: string) => Promise<JsonObject[]>;
}

/** What only custom resources have. */
export interface CustomFacts {
  crd: string;
  scale?: { spec: string; status: string; selector?: string };
}

export const groupVersion = (r: { group: string; version: string }): string => (r.group ? `${r.group}/${r.version}` : r.version);
/** `group/version, Kind=kind`, as Go's errors tell of a kind. */
export const fullKind = (r: { group: string; version: string; kind: string }): string => `${r.group}/${r.version}, Kind=${r.kind}`;
export const groupResource = (r: { group: string; plural: string }): string => (r.group ? `${r.plural}.${r.group}` : r.plural);
