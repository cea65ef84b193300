// Counts lost packets. `server PORT` sends every datagram back; `client IP PORT` sends one every 5 ms until its standard
// input ends, then prints { sent, received, longestGapMs } as JSON; a line `flowing` when the first comes back. Plain JavaScript: it runs in pods, on the host's Node.
import { createSocket } from 'node:dgram';

const INTERVAL_MS = 5;
const GRACE_MS = 1000;
const [mode, ...args] = process.argv.slice(2);
const socket = createSocket('udp4');

if (mode === 'server') {
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(Number(args[0]));
} else {
  const [ip, port] = [args[0], Number(args[1])];
  let sent = 0;
  let received = 0;
  let last = performance.now();
  let longestGapMs = 0;
  const arrived = () => {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - last);
    last = now;
  };
  socket.on('message', () => {
    if (received === 0) console.log('flowing');
    received += 1;
    arrived();
  });
  socket.on('error', () => {}); // an ICMP error: the datagram counts as lost
  const timer = setInterval(() => {
    const number = Buffer.alloc(64);
    number.writeUInt32BE(sent++);
    socket.send(number, port, ip, () => {});
  }, INTERVAL_MS);
  process.stdin.resume().on('end', () => {
    clearInterval(timer);
    if (received === 0) arrived();
    setTimeout(() => {
      console.log(JSON.stringify({ sent, received, longestGapMs: Math.round(longestGapMs) }));
      process.exit();
    }, GRACE_MS);
  });
}
