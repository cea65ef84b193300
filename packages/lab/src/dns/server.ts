import { createSocket, type RemoteInfo, type Socket as Datagrams } from 'node:dgram';
import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { createServer, isIPv6, type Server } from 'node:net';
import { decode, DnsWireError, encode, type Decoded, type Message, type Question } from '@kosmos/dns-wire';
import type { Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { REFUSED, SERVFAIL, type Handler } from './handler.ts';
import { frames } from './tcp-frames.ts';

/** The largest datagram that is sent: none of it is cut into fragments anywhere. */
const UDP_SIZE = 1232;
const PLAIN_UDP_SIZE = 512;
const QUERY_MS = 5000;
const IDLE_MS = 10_000;

/** Answers for one port: by the handler of the longest zone that a name is in. */
export type Route = (name: string) => Handler | undefined;

interface Listener {
  close(): void;
}

/** UDP and TCP on some addresses. */
export async function listenDns(o: { addresses: readonly string[]; port: number; route: Route; log: Logger }): Promise<Listener> {
  const opened: Listener[] = [];
  try {
    for (const address of o.addresses) {
      opened.push(await udp(address, o));
      opened.push(await tcp(address, o));
    }
  } catch (error) {
    for (const each of opened) each.close();
    throw error;
  }
  return { close: () => opened.forEach((each) => each.close()) };
}

function udp(address: string, { port, route, log }: { port: number; route: Route; log: Logger }): Promise<Datagrams> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('message', (bytes: Uint8Array, from: RemoteInfo) => {
    void answer(bytes, route, log, (q) => Math.max(PLAIN_UDP_SIZE, Math.min(q.edns?.udpSize ?? PLAIN_UDP_SIZE, UDP_SIZE))).then(
      (reply) => reply && socket.send(reply, from.port, from.address, () => {}),
    );
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject).on('error', (error) => log.warn({ error: error.message }, 'datagram not received'));
      resolve(socket);
    });
  });
}

function tcp(address: string, { port, route, log }: { port: number; route: Route; log: Logger }): Promise<Server> {
  const server = createServer((socket) => {
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    frames(socket, (bytes) => {
      void answer(bytes, route, log, () => 0xffff).then((reply) => {
        if (reply && !socket.destroyed) socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
      });
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port }, () => resolve(server));
  });
}

/** The reply to some bytes; undefined when there is nobody to reply to. */
export async function answer(
  bytes: Uint8Array,
  route: Route,
  log: Logger,
  limitOf: (query: Decoded) => number,
): Promise<Uint8Array | undefined> {
  let query: Decoded;
  try {
    query = decode(bytes);
  } catch (error) {
    if (!(error instanceof DnsWireError) || bytes.length < 12 || ((bytes[2] as number) & 0x80) !== 0) return undefined;
    return encode({ id: ((bytes[0] as number) << 8) | (bytes[1] as number), response: true, rcode: 'FORMERR' });
  }
  if (query.response) return undefined;
  const edns = query.edns && { edns: { udpSize: UDP_SIZE } };
  const head: Message = {
    id: query.id,
    response: true,
    opcode: query.opcode,
    recursionDesired: query.recursionDesired,
    checkingDisabled: query.checkingDisabled,
    questions: query.questions,
    ...edns,
  };
  const [question, ...more] = query.questions;
  if (query.opcode !== 0) return encode({ ...head, rcode: 'NOTIMP' });
  if (!question || more.length > 0) return encode({ ...head, rcode: 'FORMERR' });
  if ((query.edns?.version ?? 0) > 0) return encode({ ...head, rcode: 'BADVERS' });
  const limit = limitOf(query);
  try {
    const { additionals, ...reply } = await ask(question, route);
    return encode({ ...head, ...reply, recursionAvailable: true, ...(additionals && { additionals }) }, { limit });
  } catch (error) {
    log.error({ error: messageOf(error), name: question.name, type: question.type }, 'query failed');
    return encode({ ...head, rcode: 'SERVFAIL' }, { limit });
  }
}

async function ask(question: Question, route: Route) {
  if (question.type === 'AXFR' || question.type === 'IXFR' || (question.class ?? 'IN') !== 'IN') return REFUSED;
  const name = question.name.toLowerCase();
  const signal = AbortSignal.timeout(QUERY_MS);
  const late = new Promise<typeof SERVFAIL>((resolve) => signal.addEventListener('abort', () => resolve(SERVFAIL), { once: true }));
  const handler = route(name);
  return (handler && (await Promise.race([handler({ question, name, type: question.type, signal }), late]))) ?? REFUSED;
}

/** What `health` and `ready` serve: 200 on one path while `ok`, else 503. */
export function listenHttp(at: string, path: string, ok: () => boolean): Promise<HttpServer> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(at) ?? [];
  const server = createHttp((req, res) => {
    const code = req.url === path ? (ok() ? 200 : 503) : 404;
    res.writeHead(code, { 'content-type': 'text/plain' }).end(code === 200 ? 'OK' : '');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: Number(port), ...(host && { host }) }, () => resolve(server));
  });
}
