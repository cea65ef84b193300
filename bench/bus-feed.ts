/**
 * A server that does nothing but send: an empty list of pods, and watches that get so many events a second, each stamped when it is
 * written. So what is measured is the client, not how fast a server stores. Prints its kubeconfig, then serves until it is ended.
 */
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { startApiServer } from '@kosmos/apiserver';
import { pod } from './bus-pod.ts';

const [perSecond = '2000', seconds = '5'] = process.argv.slice(2);
const authority = await startApiServer();
const { cert, key } = await authority.issueCertificate({ commonName: 'feed', names: ['127.0.0.1'], usage: 'server' });
const OBJECTS = 1000;
let version = 1;
const event = (type: string, i: number) => {
  const object = pod(i % OBJECTS) as { metadata: Record<string, unknown> };
  Object.assign(object.metadata, { uid: `uid-${i % OBJECTS}`, resourceVersion: String((version += 1)) });
  object.metadata.annotations = { 'bench/at': String(performance.timeOrigin + performance.now()), note: 'x'.repeat(900) };
  return `${JSON.stringify({ type, object })}\n`;
};
const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const query = new URL(request.url, 'http://x').searchParams;
  if (query.get('watch') !== 'true' && query.get('watch') !== '1')
    return void response.end(
      JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: String(version) }, items: [] }),
    );
  for (let i = 0; i < OBJECTS; i += 1) response.write(event('ADDED', i));
  const end = { metadata: { resourceVersion: String(version), annotations: { 'k8s.io/initial-events-end': 'true' } } };
  if (query.get('sendInitialEvents') === 'true') response.write(`${JSON.stringify({ type: 'BOOKMARK', object: end })}\n`);
  let sent = 0;
  const since = performance.now() + 1000;
  const total = Number(perSecond) * Number(seconds);
  const timer = setInterval(() => {
    const due = Math.min(total, ((performance.now() - since) / 1000) * Number(perSecond));
    for (; sent < due; sent += 1) response.write(event('MODIFIED', sent));
    if (sent >= total) clearInterval(timer);
  }, 1);
  response.on('close', () => clearInterval(timer));
});
server.listen(0, '127.0.0.1', () => {
  process.send?.(authority.kubeconfig({ server: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
