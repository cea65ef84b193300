// Counts what is lost. `server PORT` sends back every datagram, and all that comes over TCP. `client IP PORT MS` sends a datagram
// and a line over one TCP connection every MS milliseconds until its standard input ends, then prints a Loss (see network.ts) as
// JSON; before, a line `flowing` when the first of both came back. Plain JavaScript: it runs in pods, on the host's Node.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const GRACE_MS = 1000;
const [mode, ...args] = process.argv.slice(2);
const udp = createSocket('udp4');

if (mode === 'server') {
  const port = Number(args[0]);
  udp.on('message', (message, from) => udp.send(message, from.port, from.address));
  udp.bind(port);
  createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port);
} else {
  const [ip, port, intervalMs] = [args[0], Number(args[1]), Number(args[2])];
  const [datagrams, stream] = [gaps(), gaps()];
  let sent = 0;
  let flowing = false;
  let broken;
  const arrived = (at) => {
    at.arrived();
    if (!flowing && datagrams.count > 0 && stream.count > 0) console.log('flowing');
    flowing ||= datagrams.count > 0 && stream.count > 0;
  };
  udp.on('message', () => arrived(datagrams));
  udp.on('error', () => {}); // an ICMP error: the datagram counts as lost
  const tcp = connect({ host: ip, port, noDelay: true });
  tcp.on('data', () => arrived(stream));
  tcp.on('error', (error) => (broken = error.code));
  // What a timer that came late left out is sent at once: so many a second, whatever else the machine does.
  const start = performance.now();
  const timer = setInterval(() => {
    for (; sent * intervalMs <= performance.now() - start; sent += 1) udp.send(Buffer.alloc(64), port, ip, () => {});
    if (tcp.writable) tcp.write('kosmos\n');
  }, intervalMs);
  process.stdin.resume().on('end', () => {
    clearInterval(timer);
    for (const at of [datagrams, stream]) if (at.count === 0) at.arrived();
    setTimeout(() => {
      const tcpLoss = { longestGapMs: Math.round(stream.longestMs), ...(broken && { broken }) };
      console.log(JSON.stringify({ sent, received: datagrams.count, longestGapMs: Math.round(datagrams.longestMs), tcp: tcpLoss }));
      process.exit();
    }, GRACE_MS);
  });
}

function gaps() {
  let last = performance.now();
  return {
    count: 0,
    longestMs: 0,
    arrived() {
      const now = performance.now();
      this.longestMs = Math.max(this.longestMs, now - last);
      this.count += 1;
      last = now;
    },
  };
}
