/** How many DNS messages a second are read and written, beside dns-packet, which most of npm uses. */
import { decode, encode, type Message } from '@kosmos/dns-wire';
import packet from 'dns-packet';
import { Bench } from 'tinybench';
import type { Result } from './result.ts';

const name = 'web.default.svc.cluster.local';
const addresses = Array.from({ length: 3 }, (_, i) => `10.1.1.${i + 2}`);
const QUERY: Message = { id: 1, recursionDesired: true, questions: [{ name, type: 'A' }], edns: { udpSize: 1232 } };
const REPLY: Message = {
  id: 1,
  response: true,
  questions: [{ name, type: 'A' }],
  answers: addresses.map((data) => ({ name, type: 'A', class: 'IN', ttl: 5, data })),
};

export async function run(): Promise<Result[]> {
  const [query, reply] = [encode(QUERY), encode(REPLY)];
  const [theirQuery, theirReply] = [Buffer.from(query), packet.decode(Buffer.from(reply))];
  const bench = new Bench({ time: 1000 })
    .add('query read', () => void decode(query))
    .add('query read by dns-packet', () => void packet.decode(theirQuery))
    .add('reply of 3 addresses written', () => void encode(REPLY))
    .add('reply of 3 addresses written by dns-packet, without compression', () => void packet.encode(theirReply));
  await bench.run();
  return bench.tasks.map((task) => ({
    name: task.name,
    value: (task.result as unknown as { throughput: { mean: number } }).throughput.mean / 1000,
    unit: 'thousand/s',
  }));
}
