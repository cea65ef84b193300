/**
 * The program that runs in the pods of a check: it answers, and asks others. Pods get its text, so that any image with Node
 * will do; it stands by itself, and has no `$(` or `$$` in it, which Kubernetes would replace.
 */

/** Where pods answer, by TCP and UDP. */
export const PORT = 8080;

/** What to ask: an address, how a port there is reached, and how large packets get there. */
export interface Ask {
  readonly ip: string;
  readonly port: number;
  /** Also find the largest packet that passes undivided; needs `ping` in the image. */
  readonly size: boolean;
}

export interface Answer {
  /** Datagrams that came back, of so many. */
  readonly sent: number;
  readonly received: number;
  /** Median, ms; undefined: none came back. */
  readonly rttMs?: number;
  /** The ClusterNodes whose pods answered. */
  readonly by: readonly string[];
  /** The addresses that they saw. */
  readonly sources: readonly string[];
  /** Why a connection with 64 KiB there and back came to nothing; undefined: it was made. */
  readonly tcp?: string;
  /** Bytes of the largest packet that passes undivided, where it was found. */
  readonly mtu?: number;
  /** Bytes of one that got lost without a word, where one did. */
  readonly lost?: number;
}

/** `argv`: `serve PORT`, or `ask` and a list of `Ask` as JSON, which prints a list of `Answer`. */
async function program(argv: readonly string[]): Promise<void> {
  const { createSocket } = await import('node:dgram');
  const { connect, createServer } = await import('node:net');
  const { spawn } = await import('node:child_process');
  const { readdirSync, readFileSync } = await import('node:fs');
  const DATAGRAMS = 10;
  const EVERY_MS = 30;
  const WAIT_MS = 1000;
  const TCP_MS = 3000;
  const TRIES = 3;
  const AT_ONCE = 8;
  const BYTES = 65_536;
  const plain = (address: string | undefined) => (address ?? '').replace(/^::ffff:/, '');
  const six = (ip: string) => ip.includes(':');
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  function serve(port: number): void {
    createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port);
    for (const type of ['udp4', 'udp6'] as const) {
      const socket = createSocket({ type, ipv6Only: type === 'udp6' });
      socket.on('error', () => {}); // a node may have one family only
      socket.on('message', (message, from) => {
        const said = { n: message.toString(), who: process.env.KOSMOS_WHO, saw: plain(from.address) };
        socket.send(JSON.stringify(said), from.port, from.address, () => {});
      });
      socket.bind(port);
    }
    process.on('SIGTERM', () => process.exit());
  }

  async function datagrams({ ip, port }: Ask) {
    const socket = createSocket(six(ip) ? 'udp6' : 'udp4');
    const sentAt: number[] = [];
    const rtts: number[] = [];
    const [answering, sources] = [new Set<string>(), new Set<string>()];
    socket.on('error', () => {});
    const all = new Promise<void>((resolve) =>
      socket.on('message', (message) => {
        const { n, who, saw } = JSON.parse(message.toString()) as { n: string; who: string; saw: string };
        rtts.push(performance.now() - (sentAt[Number(n)] ?? 0));
        answering.add(who);
        sources.add(saw);
        if (rtts.length === DATAGRAMS) resolve();
      }),
    );
    for (let n = 0; n < DATAGRAMS; n += 1) {
      sentAt.push(performance.now());
      socket.send(String(n), port, ip, () => {}); // where there is no way there it is lost
      await sleep(EVERY_MS);
    }
    await Promise.race([all, sleep(WAIT_MS)]);
    socket.close();
    rtts.sort((a, b) => a - b);
    const rttMs = rtts[rtts.length >> 1];
    return {
      sent: DATAGRAMS,
      received: rtts.length,
      by: [...answering],
      sources: [...sources],
      ...(rttMs !== undefined && { rttMs: Math.round(rttMs * 1000) / 1000 }),
    };
  }

  /** Undefined: all of it came back. */
  function exchange({ ip, port }: Ask): Promise<string | undefined> {
    return new Promise((resolve) => {
      let came = 0;
      const socket = connect({ host: ip, port });
      const end = (wrong?: string) => {
        clearTimeout(timer);
        socket.destroy();
        resolve(wrong);
      };
      const timer = setTimeout(() => end(socket.connecting ? 'no answer' : `${came} of ${BYTES} bytes came back`), TCP_MS);
      socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      socket.on('connect', () => socket.write(Buffer.alloc(BYTES)));
      socket.on('data', (part) => {
        came += part.length;
        if (came === BYTES) end();
      });
      socket.on('end', () => end(`${came} of ${BYTES} bytes came back`));
    });
  }

  /** Sends a packet that must not be divided, twice: the first may be what lets a router tell its size. */
  function ping(ip: string, bytes: number): Promise<{ passed: boolean; told?: number } | undefined> {
    const args = ['-n', '-c', '2', '-i', '0.2', '-W', '1', '-M', 'do', '-s', String(bytes - (six(ip) ? 48 : 28)), ip];
    return new Promise((resolve) => {
      const child = spawn('ping', args);
      let said = '';
      child.stdout.on('data', (part) => (said += part));
      child.stderr.on('data', (part) => (said += part));
      child.on('error', () => resolve(undefined));
      child.on('close', (code) => {
        const told = /mtu ?[=:] ?(\d+)/i.exec(said)?.[1];
        const known = /icmp_seq|mtu|0 received|bytes of data/i.test(said);
        resolve(known ? { passed: code === 0, ...(told && { told: Number(told) }) } : undefined);
      });
    });
  }

  async function size({ ip }: Ask): Promise<{ mtu?: number; lost?: number }> {
    const least = six(ip) ? 1280 : 576;
    const links = readdirSync('/sys/class/net').filter((name) => name !== 'lo');
    let bytes = Math.max(least, ...links.map((name) => Math.min(9000, Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8')))));
    for (;;) {
      const one = await ping(ip, bytes);
      if (!one) return {};
      if (one.passed) return { mtu: bytes };
      if (one.told === undefined || one.told >= bytes || one.told < least) break;
      bytes = one.told;
    }
    const lost = bytes;
    if (!(await ping(ip, least))?.passed) return {};
    let low = least;
    while (bytes - low > 1) {
      const middle = (low + bytes) >> 1;
      if ((await ping(ip, middle))?.passed) low = middle;
      else bytes = middle;
    }
    return { mtu: low, lost };
  }

  async function ask(what: Ask): Promise<Answer> {
    // Services and routes of new pods may take a moment.
    for (let tries = 1; ; tries += 1) {
      const [udp, tcp] = await Promise.all([datagrams(what), exchange(what)]);
      const whole = udp.received === udp.sent && tcp === undefined;
      if (!whole && tries < TRIES) {
        await sleep(WAIT_MS);
        continue;
      }
      const found = what.size && udp.received > 0 ? await size(what) : {};
      return { ...udp, ...(tcp !== undefined && { tcp }), ...found };
    }
  }

  if (argv[0] === 'serve') return serve(Number(argv[1]));
  const asks = JSON.parse(argv[1] ?? '[]') as Ask[];
  const answers: Answer[] = [];
  let next = 0;
  const work = async () => {
    for (let at = next++; at < asks.length; at = next++) answers[at] = await ask(asks[at]!);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  console.log(JSON.stringify(answers));
}

/** Its text: plain JavaScript, since types are gone when it runs. */
export const PROGRAM = `(${program.toString()})(process.argv.slice(1))`;

/** The variable of the container's environment that holds it. */
export const PROGRAM_VARIABLE = 'KOSMOS_PROBE';
/** And the one with the name by which a pod answers. */
export const WHO_VARIABLE = 'KOSMOS_WHO';
/** Runs it in a container that has the variable. */
export const probeCommand = (...args: string[]): string[] => ['sh', '-c', `exec node -e "$${PROGRAM_VARIABLE}" "$@"`, 'sh', ...args];
