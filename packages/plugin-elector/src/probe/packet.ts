/** The datagram of a probe and of its answer. */

/** UDP port on the overlay addresses, beside those of the tunnels (4876 and 4877). */
export const PROBE_PORT = 4878;
const MAGIC = 0x4b534d50; // 'KSMP'
const VERSION = 1;
/** Magic, version, kind, two bytes of nothing, the sender's run (4 bytes) and the sequence number (4 bytes). */
export const HEADER_BYTES = 16;

export interface Probe {
  readonly kind: 'probe' | 'answer';
  /** Random for each run of the sender, so that an answer to an earlier run is not taken for one. */
  readonly run: number;
  readonly sequence: number;
}

/** `bytes`: the whole datagram, for probes of full size. */
export function encodeProbe({ kind, run, sequence }: Probe, bytes = HEADER_BYTES): Buffer {
  const packet = Buffer.alloc(Math.max(bytes, HEADER_BYTES));
  packet.writeUInt32BE(MAGIC, 0);
  packet.writeUInt8(VERSION, 4);
  packet.writeUInt8(kind === 'probe' ? 0 : 1, 5);
  packet.writeUInt32BE(run >>> 0, 8);
  packet.writeUInt32BE(sequence >>> 0, 12);
  return packet;
}

/** IP and UDP headers around the datagram. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** Bytes of the datagram in an IP packet of `bytes` to this address. */
export function payloadOf(bytes: number | undefined, to: string): number {
  return Math.max(HEADER_BYTES, (bytes ?? 0) - HEADERS[to.includes(':') ? 6 : 4]);
}

/** Undefined for whatever else reaches the port. */
export function decodeProbe(packet: Buffer): Probe | undefined {
  if (packet.length < HEADER_BYTES || packet.readUInt32BE(0) !== MAGIC || packet.readUInt8(4) !== VERSION) return undefined;
  const kind = packet.readUInt8(5);
  if (kind > 1) return undefined;
  return { kind: kind === 0 ? 'probe' : 'answer', run: packet.readUInt32BE(8), sequence: packet.readUInt32BE(12) };
}
