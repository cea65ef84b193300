import type { Socket } from 'node:net';

/** Calls `fn` with each DNS message of a TCP connection: two bytes of length come before each. */
export function frames(socket: Socket, fn: (bytes: Uint8Array) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      fn(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
}
