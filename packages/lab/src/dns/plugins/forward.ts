import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { decode, encode, type Decoded, type Message } from '@kosmos/dns-wire';
import { messageOf } from '../../errors.ts';
import { within } from '../corefile.ts';
import { SERVFAIL, type Plugin, type Query, type Reply } from '../handler.ts';
import { frames } from '../tcp-frames.ts';

export interface Upstream {
  readonly host: string;
  readonly port: number;
}

export interface ForwardOptions {
  readonly from: string;
  readonly except: readonly string[];
  readonly upstreams: readonly Upstream[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
}

/** Of one upstream, before the next one is asked. */
const TRY_MS = 2000;
const UDP_SIZE = 1232;

/** Asks other servers, one after the other until one answers. `report` is told of those that do not. */
export function forward(options: ForwardOptions, report: (message: string) => void): Plugin {
  let turn = 0;
  return (next) => async (query) => {
    if (!within(query.name, options.from) || options.except.some((z) => within(query.name, z))) return next(query);
    const { upstreams, policy } = options;
    const first = policy === 'sequential' ? 0 : policy === 'random' ? randomInt(upstreams.length) : turn++ % upstreams.length;
    for (let i = 0; i < upstreams.length && !query.signal.aborted; i += 1) {
      const upstream = upstreams[(first + i) % upstreams.length] as Upstream;
      try {
        return await ask(upstream, query, options.forceTcp);
      } catch (error) {
        report(`${query.name} ${query.type}: ${upstream.host}:${upstream.port}: ${messageOf(error)}`);
      }
    }
    return SERVFAIL;
  };
}

async function ask(upstream: Upstream, query: Query, forceTcp: boolean): Promise<Reply> {
  const message: Message = { id: randomInt(0x10000), recursionDesired: true, questions: [query.question], edns: { udpSize: UDP_SIZE } };
  const signal = AbortSignal.any([query.signal, AbortSignal.timeout(TRY_MS)]);
  let answer = forceTcp ? undefined : await byUdp(upstream, message, signal);
  if (!answer || answer.truncated) answer = await byTcp(upstream, message, signal);
  const { rcode, authoritative, answers, authorities, additionals } = answer;
  return { rcode, authoritative, answers, authorities, additionals };
}

const answers = (message: Message, reply: Decoded): boolean => {
  const [asked, echoed] = [message.questions?.[0], reply.questions[0]];
  return (
    reply.id === message.id && reply.response && echoed?.name.toLowerCase() === asked?.name.toLowerCase() && echoed?.type === asked?.type
  );
};

function byUdp({ host, port }: Upstream, message: Message, signal: AbortSignal): Promise<Decoded> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  return new Promise<Decoded>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
    socket.once('error', reject);
    socket.on('message', (bytes) => {
      try {
        const reply = decode(bytes);
        if (answers(message, reply)) resolve(reply);
      } catch {
        // not from whom we asked, or broken on its way: the right one may come still
      }
    });
    // Connected: only the upstream's datagrams come in, and its refusal is an error.
    socket.connect(port, host, () => socket.send(encode(message)));
  }).finally(() => socket.close());
}

function byTcp({ host, port }: Upstream, message: Message, signal: AbortSignal): Promise<Decoded> {
  const socket = connect({ host, port });
  return new Promise<Decoded>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection ended before the answer')));
    frames(socket, (bytes) => {
      try {
        const reply = decode(bytes);
        if (answers(message, reply)) resolve(reply);
      } catch (error) {
        reject(error as Error);
      }
    });
    const bytes = encode(message);
    socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
  }).finally(() => socket.destroy());
}
