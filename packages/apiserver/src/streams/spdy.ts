import { Duplex } from 'node:stream';
import { HeaderReader, noHeaders } from './spdy-headers.ts';

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 1;
const PROTOCOL_ERROR = 1;
const CANCEL = 5;
/** A control frame has only headers in it; data frames of the clients are far smaller too. */
const MAX_FRAME = 1 << 20;
/** What the other side may send before somebody reads it; then the connection waits. */
const BUFFER = 256 * 1024;

/** One stream that the other side opened. Ending it sends FIN, destroying it RST_STREAM. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #session: SpdySession;

  constructor(session: SpdySession, id: number, headers: ReadonlyMap<string, string>) {
    super({ allowHalfOpen: true, readableHighWaterMark: BUFFER });
    this.#session = session;
    this.id = id;
    this.headers = headers;
  }

  override _read(): void {
    this.#session.resume(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#session.data(this.id, chunk, false, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.data(this.id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#session.forget(this, !(this.readableEnded && this.writableFinished));
    done(error);
  }
}

export interface SpdyTransport {
  send(frame: Buffer, done: (error?: Error | null) => void): void;
  /** Stops and goes on with what comes in. */
  pause(): void;
  resume(): void;
  /** The other side broke the protocol. */
  fail(error: Error): void;
}

/**
 * The server's side of SPDY/3.1 as Kubernetes' clients speak it: they open streams with headers, both sides send data.
 * WINDOW_UPDATE is read and not heeded: Kubernetes' own library neither sends windows nor keeps to them, so a side that
 * waited for one would wait forever; the transport's own back-pressure holds a fast sender.
 */
export class SpdySession {
  readonly #transport: SpdyTransport;
  readonly #opened: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #full = new Set<SpdyStream>();
  readonly #headers = new HeaderReader();
  #rest: Buffer = Buffer.alloc(0);
  #busy = false;
  #replied = false;
  #closed = false;

  constructor(transport: SpdyTransport, opened: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#opened = opened;
  }

  /** Bytes from the other side, cut anywhere. */
  receive(bytes: Buffer): void {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, bytes]) : bytes;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    try {
      while (this.#rest.length >= 8 && !this.#closed) {
        const length = this.#rest.readUIntBE(5, 3);
        if (length > MAX_FRAME) throw new RangeError(`a SPDY frame of ${length} bytes`);
        if (this.#rest.length < 8 + length) break;
        const head = this.#rest.readUInt32BE(0);
        const flags = this.#rest[4]!;
        const body = this.#rest.subarray(8, 8 + length);
        this.#rest = this.#rest.subarray(8 + length);
        if (head < 0x80000000) this.#dataFrame(head, flags, body);
        else await this.#control(head & 0xffff, flags, body);
      }
    } catch (error) {
      this.#transport.fail(error as Error);
    } finally {
      this.#busy = false;
    }
  }

  async #control(type: number, flags: number, body: Buffer): Promise<void> {
    switch (type) {
      case SYN_STREAM: {
        const id = body.readUInt32BE(0) & 0x7fffffff;
        const headers = await this.#headers.read(body.subarray(10));
        if (this.#streams.has(id)) return this.#reset(id, PROTOCOL_ERROR);
        const stream = new SpdyStream(this, id, headers);
        this.#streams.set(id, stream);
        this.#send(frame(SYN_REPLY, 0, Buffer.concat([number32(id), noHeaders(!this.#replied)])));
        this.#replied = true;
        if (flags & FIN) stream.push(null);
        return this.#opened(stream);
      }
      case RST_STREAM: {
        const stream = this.#streams.get(body.readUInt32BE(0) & 0x7fffffff);
        if (!stream) return;
        this.forget(stream, false);
        stream.destroy();
        return;
      }
      case PING:
        return this.#send(frame(PING, 0, body));
      case GOAWAY:
        return; // the other side opens no more streams; those there are go on
      default:
        return; // SETTINGS, WINDOW_UPDATE and what is unknown (2.2.1 of the specification: ignored)
    }
  }

  #dataFrame(id: number, flags: number, body: Buffer): void {
    const stream = this.#streams.get(id);
    if (!stream) return this.#reset(id, PROTOCOL_ERROR);
    // A copy: the frame is part of what may be a large message.
    if (body.length && !stream.push(Buffer.from(body))) {
      if (this.#full.size === 0) this.#transport.pause();
      this.#full.add(stream);
    }
    if (flags & FIN) stream.push(null);
  }

  #send(bytes: Buffer, done: (error?: Error | null) => void = () => {}): void {
    if (this.#closed) done(new Error('the connection is closed'));
    else this.#transport.send(bytes, done);
  }

  #reset(id: number, status: number): void {
    this.#send(frame(RST_STREAM, 0, Buffer.concat([number32(id), number32(status)])));
  }

  data(id: number, chunk: Buffer, fin: boolean, done: (error?: Error | null) => void): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id);
    head[4] = fin ? FIN : 0;
    head.writeUIntBE(chunk.length, 5, 3);
    this.#send(Buffer.concat([head, chunk]), done);
  }

  resume(stream: SpdyStream): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#transport.resume();
  }

  /** A stream that ended; `reset` tells the other side. */
  forget(stream: SpdyStream, reset: boolean): void {
    this.resume(stream);
    if (this.#streams.delete(stream.id) && reset) this.#reset(stream.id, CANCEL);
  }

  /** The connection is gone: so is every stream. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#headers.close();
    for (const stream of this.#streams.values()) stream.destroy();
  }
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function frame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}
