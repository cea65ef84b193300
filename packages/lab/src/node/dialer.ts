/** Connects to ports in the network namespace that it is started in, and gives the connections to its parent. */
import { Socket } from 'node:net';

const HOSTS = ['127.0.0.1', '::1'];

process.on('message', ({ id, port }: { id: number; port: number }) => {
  const attempt = ([host, ...others]: string[]): void => {
    const socket = new Socket({ allowHalfOpen: true });
    // It reads nothing: what comes first is the parent's.
    socket.pause();
    socket.once('error', (error) => (others.length > 0 ? attempt(others) : process.send?.({ id, error: error.message })));
    socket.connect({ host: host as string, port }, () => process.send?.({ id }, socket));
  };
  attempt(HOSTS);
});
process.on('disconnect', () => process.exit(0));
