import { isObject, type JsonObject } from '../schema/schema.ts';

/**
 * A set of field paths, as managedFields keep them (FieldsV1): a tree by path element (`f:name`, `k:{"key":"value"}`, `v:value`),
 * where a node may be a member itself.
 */
export class FieldSet {
  member = false;
  readonly children = new Map<string, FieldSet>();

  /** The child at an element, made if it is not there. */
  at(element: string): FieldSet {
    let child = this.children.get(element);
    if (!child) this.children.set(element, (child = new FieldSet()));
    return child;
  }

  get empty(): boolean {
    return !this.member && this.children.size === 0;
  }

  static decode(fields: unknown): FieldSet {
    const set = new FieldSet();
    if (!isObject(fields)) return set;
    for (const [element, below] of Object.entries(fields)) {
      if (element === '.') {
        set.member = true;
        continue;
      }
      const child = FieldSet.decode(below);
      if (child.empty) child.member = true;
      set.children.set(element, child);
    }
    return set;
  }

  encode(): JsonObject {
    const out: JsonObject = {};
    if (this.member && this.children.size) out['.'] = {};
    for (const element of [...this.children.keys()].sort()) out[element] = this.children.get(element)!.encode();
    return out;
  }

  union(other: FieldSet): FieldSet {
    if (this.empty) return other;
    if (other.empty) return this;
    const out = new FieldSet();
    out.member = this.member || other.member;
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      out.children.set(element, theirs ? child.union(theirs) : child);
    }
    for (const [element, child] of other.children) if (!this.children.has(element)) out.children.set(element, child);
    return out;
  }

  /** Members of this that are no members of `other`. */
  minus(other: FieldSet): FieldSet {
    if (other.empty) return this;
    const out = new FieldSet();
    out.member = this.member && !other.member;
    for (const [element, child] of this.children) {
      const rest = other.children.has(element) ? child.minus(other.children.get(element)!) : child;
      if (!rest.empty) out.children.set(element, rest);
    }
    return out;
  }

  intersect(other: FieldSet): FieldSet {
    const out = new FieldSet();
    out.member = this.member && other.member;
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      const both = theirs ? child.intersect(theirs) : undefined;
      if (both && !both.empty) out.children.set(element, both);
    }
    return out;
  }

  /** Without some of its own elements, and all that is below them. */
  without(elements: ReadonlySet<string>): FieldSet {
    const out = new FieldSet();
    out.member = this.member;
    for (const [element, child] of this.children) if (!elements.has(element)) out.children.set(element, child);
    return out;
  }

  /** Member paths as conflict messages show them: `.spec.ports[name="http"].port`; of each level its own before those below. */
  paths(prefix = ''): string[] {
    const below = [...this.children].sort(([a], [b]) => (a < b ? -1 : 1)).map(([e, child]) => [prefix + showElement(e), child] as const);
    return [...below.filter(([, child]) => child.member).map(([path]) => path), ...below.flatMap(([path, child]) => child.paths(path))];
  }
}

/** A path element as messages show it. */
export function showElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  const keys = JSON.parse(text) as JsonObject;
  return `[${Object.keys(keys)
    .sort()
    .map((k) => `${k}=${JSON.stringify(keys[k])}`)
    .join(',')}]`;
}
