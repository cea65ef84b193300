import { createSocket, type Socket } from 'node:dgram';
import { decodeProbe, encodeProbe, PROBE_PORT, type Probe } from './packet.ts';

/** Sends probes from one of the node's overlay addresses, and answers those of others there. */
export interface ProbePort {
  /** `bytes` of UDP payload, for a probe of full size. What cannot be sent is a lost probe. */
  send(to: string, probe: Probe, bytes?: number): void;
  close(): void;
}

/** Opens the port on `address` (IPv4 or IPv6). `answered` gets the answers, `asked` who was answered. `failed`: it is closed, and may be opened again. */
export function openProbePort(
  address: string,
  answered: (from: string, probe: Probe, bytes: number) => void,
  failed: (error: Error) => void,
  asked: (from: string) => void = () => {},
): ProbePort {
  // Not reusable: a second agent on this node would take the answers from the first.
  const socket: Socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' });
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    socket.close();
  };
  const post = (packet: Buffer, port: number, to: string) => {
    if (open) socket.send(packet, port, to, () => {}); // no route, no buffer, too long: the probe is lost, which is what it tells
  };
  socket.on('message', (packet, from) => {
    const probe = decodeProbe(packet);
    if (!probe) return;
    if (probe.kind === 'answer') answered(from.address, probe, packet.length);
    else {
      post(encodeProbe({ ...probe, kind: 'answer' }, packet.length), from.port, from.address);
      asked(from.address);
    }
  });
  socket.on('error', (error) => {
    close();
    failed(error);
  });
  socket.bind({ address, port: PROBE_PORT, exclusive: true });
  return { send: (to, probe, bytes) => post(encodeProbe(probe, bytes), PROBE_PORT, to), close };
}
