import type { WebSocket } from 'ws';
import { SpdySession, type SpdyStream, type SpdyTransport } from './spdy.ts';
import type { PortDialer } from './types.ts';

export const PORT_FORWARD_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';

/** How long one of a connection's two streams waits for the other, as in Kubernetes' kubelet. */
const PAIR_MS = 30_000;

/** Port-forward as kubectl does it: SPDY frames in binary messages. */
export function servePortForward(socket: WebSocket, dialer: PortDialer): void {
  const session = portForwardSession(dialer, {
    send: (bytes, done) => socket.send(bytes, { binary: true }, (e) => done(e)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    fail: () => socket.close(1002, 'not SPDY/3.1'),
  });
  socket.on('message', (message: Buffer) => session.receive(message));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    session.close();
    dialer.close();
  });
}

/** A connection is a stream for data and one for its error, which carry the same `requestid`, and the `port`. */
export function portForwardSession(dialer: PortDialer, transport: SpdyTransport): SpdySession {
  const waiting = new Map<string, { stream: SpdyStream; timer: NodeJS.Timeout }>();
  const opened = (stream: SpdyStream): void => {
    stream.on('error', () => stream.destroy());
    const id = `${stream.headers.get('port')}/${stream.headers.get('requestid')}`;
    const other = waiting.get(id);
    const type = stream.headers.get('streamtype');
    if ((type !== 'data' && type !== 'error') || other?.stream.headers.get('streamtype') === type) {
      stream.destroy();
      return;
    }
    if (!other) {
      const timer = setTimeout(() => stream.destroy(), PAIR_MS);
      waiting.set(id, { stream, timer });
      stream.once('close', () => {
        clearTimeout(timer);
        if (waiting.get(id)?.stream === stream) waiting.delete(id);
      });
      return;
    }
    clearTimeout(other.timer);
    waiting.delete(id);
    const [data, error] = type === 'data' ? [stream, other.stream] : [other.stream, stream];
    void forward(dialer, data, error);
  };
  return new SpdySession(transport, opened);
}

async function forward(dialer: PortDialer, data: SpdyStream, error: SpdyStream): Promise<void> {
  error.resume();
  const port = Number(data.headers.get('port'));
  try {
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`${data.headers.get('port')} is no port`);
    const connection = await dialer.connect(port);
    await new Promise<void>((resolve, reject) => {
      let open = 2;
      const ended = (): void => {
        if ((open -= 1) === 0) resolve();
      };
      data.pipe(connection).once('finish', ended);
      connection.pipe(data).once('finish', ended);
      connection.once('error', reject);
      connection.once('close', () => {
        // Also a client that still sends has nobody left to send to.
        if (data.writableFinished) resolve();
        else data.end(() => resolve());
      });
      data.once('close', () => {
        connection.destroy();
        resolve();
      });
    });
    error.end();
  } catch (cause) {
    if (!error.destroyed) error.end(`error forwarding port ${data.headers.get('port')}: ${(cause as Error).message}`);
    data.end();
  }
}
