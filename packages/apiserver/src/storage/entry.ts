import type { Entry } from './store.ts';

/** An entry with its text as bytes outside of the heap: there they cost what they are, and go into answers as they are. */
export class KeptEntry implements Entry {
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly bytes: Buffer;

  constructor(o: Omit<Entry, 'bytes'>) {
    this.namespace = o.namespace;
    this.name = o.name;
    this.version = o.version;
    this.uid = o.uid;
    this.labels = o.labels;
    this.fields = o.fields;
    // Memory of its own: a piece of Node's pool would keep the whole of it, long after its neighbours went.
    this.bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(o.json));
    this.bytes.write(o.json);
  }

  get json(): string {
    return this.bytes.toString();
  }
}
