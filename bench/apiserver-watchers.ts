/** Opens many watches of ConfigMaps, says so by IPC, and then how long after `data.at` each event was read. */
import { connect } from 'node:http2';
import { quantile } from './result.ts';

const CONNECTIONS = 4;
const { host, port, ca, token, watchers, warm, events } = JSON.parse(process.argv[2] as string) as {
  host: string;
  port: number;
  ca: string;
  token: string;
  watchers: number;
  warm: number;
  events: number;
};
const sessions = Array.from({ length: CONNECTIONS }, () => connect(`https://${host}:${port}`, { ca }));
const delays: number[] = [];
let open = 0;
let read = 0;
for (let i = 0; i < watchers; i += 1) {
  const stream = (sessions[i % CONNECTIONS] as (typeof sessions)[0]).request({
    ':path': '/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0&fieldSelector=metadata.name!=kube-root-ca.crt',
    authorization: `Bearer ${token}`,
  });
  stream.once('response', () => (open += 1) === watchers && process.send?.('open'));
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const now = Date.now();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      const at = /"at":"([\d.]+)"/.exec(line)?.[1];
      if (at === undefined) continue;
      read += 1;
      if (read > watchers * warm) delays.push(now - Number(at));
      if (read === watchers * (warm + events)) done();
    }
  });
}

function done(): void {
  process.send?.({ p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) }, () => process.exit(0));
}
