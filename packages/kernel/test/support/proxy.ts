/** A TCP proxy in front of an API server, to cut it off in ways that a server cannot do to itself. */
import net from 'node:net';

export interface Proxy {
  readonly url: string;
  /** The connections that there are say nothing any more, in either direction, and stay open; new ones are served, unless `all`. */
  silence(all?: boolean): void;
  /** New connections are served again. */
  heal(): void;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<net.Socket>();
  let mute = false;
  const server = net.createServer((near) => {
    sockets.add(near);
    near.on('error', () => near.destroy()).on('close', () => sockets.delete(near));
    if (mute) return;
    const far = net.connect(Number(port), hostname);
    sockets.add(far);
    far.on('error', () => near.destroy()).on('close', () => (sockets.delete(far), near.destroy()));
    near.on('close', () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    silence(all = false) {
      mute = all;
      for (const socket of sockets) socket.unpipe().pause();
    },
    heal: () => (mute = false),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
