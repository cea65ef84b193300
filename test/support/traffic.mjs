// What the network is held to, as one program for pods. `server PORT` answers with the address it sees: over TCP in a line, then
// it sends back what comes; over UDP in a datagram. `client IP PORT [IP PORT ...]` does all of it with each and prints an array.
// Plain JavaScript: it runs in pods, on the host's Node.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const CONNECTIONS = 40;
const BYTES = 64 * 1024;
const TIMEOUT_MS = 8000;
const SERVICE_PORT = 80;
const plain = (address) => address.replace(/^::ffff:/, '');
const [mode, ...args] = process.argv.slice(2);

if (mode === 'server') {
  const port = Number(args[0]);
  createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`${plain(socket.remoteAddress)}\n`);
    socket.pipe(socket);
  }).listen(port);
  for (const type of ['udp4', 'udp6']) {
    const socket = createSocket({ type, ...(type === 'udp6' && { ipv6Only: true }) });
    socket.on('error', () => {});
    socket.on('message', (_, from) => socket.send(plain(from.address), from.port, from.address));
    socket.bind(port);
  }
} else {
  const results = [];
  for (let i = 0; i < args.length; i += 2) results.push(await all(args[i], Number(args[i + 1])));
  console.log(JSON.stringify(results));
}

async function all(ip, port) {
  const tcp = await Promise.all(Array.from({ length: CONNECTIONS }, () => exchange(ip, port)));
  const failed = tcp.filter((t) => t.error);
  return {
    connections: tcp.length - failed.length,
    peers: [...new Set(tcp.flatMap((t) => t.peer ?? []))],
    slowestMs: Math.round(Math.max(...tcp.map((t) => t.ms))),
    errors: [...new Set(failed.map((t) => t.error))],
    udp: await datagram(ip, port),
    // A service has no port that is closed: nobody answers for those that it does not have.
    closed: port === SERVICE_PORT ? undefined : await closedPort(ip, port + 1),
  };
}

/** One connection on which BYTES go there and come back. */
function exchange(host, port) {
  const from = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const sent = Buffer.alloc(BYTES, 'kosmos ');
    const parts = [];
    let length = 0;
    const end = (error) => {
      clearTimeout(timer);
      socket.destroy();
      const all = Buffer.concat(parts);
      const line = all.indexOf(10);
      const peer = line < 0 ? undefined : all.subarray(0, line).toString();
      const wrong = error ?? (sent.equals(all.subarray(line + 1)) ? undefined : `${length} bytes came back, not the ones sent`);
      resolve({ peer, ms: performance.now() - from, ...(wrong && { error: wrong }) });
    };
    const timer = setTimeout(() => end(`no end after ${TIMEOUT_MS} ms, ${length} bytes came back`), TIMEOUT_MS);
    socket.on('error', (e) => end(e.code));
    socket.on('connect', () => socket.end(sent));
    socket.on('data', (data) => {
      parts.push(data);
      length += data.length;
    });
    socket.on('end', () => end());
  });
}

/** The address that the server saw; undefined when none of the datagrams came back. */
function datagram(host, port) {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    let left = 5;
    const end = (value) => {
      clearInterval(timer);
      socket.close();
      resolve(value);
    };
    const timer = setInterval(() => (left-- > 0 ? socket.send('?', port, host) : end()), 200);
    socket.on('message', (m) => end(String(m)));
    socket.on('error', () => {});
    socket.send('?', port, host);
  });
}

function closedPort(host, port) {
  const from = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (what) => {
      socket.destroy();
      resolve({ what, ms: Math.round(performance.now() - from) });
    };
    socket.on('error', (e) => end(e.code));
    socket.on('timeout', () => end('timeout'));
    socket.on('connect', () => end('connected'));
  });
}
