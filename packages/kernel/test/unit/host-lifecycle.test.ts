import { type Config, Health, Metrics, type Plugin, type Role, optional, token } from '@kosmos/kernel';
import { type Kernel, createKernel, createLogger, problemsIn } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import { type Line, memoryLog, plugin } from '../fixtures/host.ts';

const kernels: Kernel[] = [];
const kernelOf = async (plugins: Plugin[], more: Partial<Config> = {}, lines: Line[] = [], role: Role = 'cli') => {
  const made = await createKernel({ config: { plugins, timeouts: { startMs: 40, stopMs: 40 }, ...more }, role, log: memoryLog(lines) });
  kernels.push(made);
  return made;
};
const stopAll = () => Promise.allSettled(kernels.splice(0).map((kernel) => kernel.stop()));

async function problemsOf(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    return (problemsIn(error) ?? [error as Error]).map((e) => [(e as { code?: string }).code, e.message, (e as { where?: string }).where]);
  }
  return [];
}
const never = () => new Promise<never>(() => {});
const T = token<number>('base.number');

/** A plugin that writes down what happens to it. */
const traced = (name: string, trace: string[], more: Parameters<typeof plugin>[2] = {}) =>
  plugin(
    name,
    (ctx) => {
      if (more.provides) ctx.provide('t', 1);
      ctx.onStart(async () => void trace.push(`start ${name}`));
      ctx.onReady(async () => void trace.push(`ready ${name}`));
      ctx.onStop(async () => void trace.push(`stop ${name}`));
    },
    more,
  );

describe('a kernel', () => {
  afterEach(stopAll);

  it('starts in the order of needs, tells ready, stops in reverse, once', async () => {
    const trace: string[] = [];
    const lines: Line[] = [];
    const kernel = await kernelOf([traced('top', trace, { requires: { t: T } }), traced('base', trace, { provides: { t: T } })], {}, lines);
    expect(kernel.reasons()).to.deep.equal(['kernel: set up']);
    await kernel.start();
    expect(kernel.state).to.equal('ready');
    expect(kernel.reasons()).to.deep.equal([]);
    expect(lines.find((line) => line.message === 'ready')?.fields).to.deep.include({ plugins: ['base', 'top'], role: 'cli' });
    await Promise.all([kernel.stop(), kernel.stop()]);
    await kernel.stop();
    expect(trace).to.deep.equal(['start base', 'start top', 'ready base', 'ready top', 'stop top', 'stop base']);
    expect(kernel.state).to.equal('stopped');
  });

  it('starts plugins that do not need each other side by side', async () => {
    const [a, b] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const one = plugin('one', (ctx) => ctx.onStart(async () => (a.resolve(), b.promise)));
    const two = plugin('two', (ctx) => ctx.onStart(async () => (b.resolve(), a.promise)));
    const kernel = await kernelOf([one, two]);
    await kernel.start();
    await kernel.stop();
  });

  it('names every plugin that throws in start, does not start what comes after, and stops what began', async () => {
    const trace: string[] = [];
    const bad = (name: string) =>
      plugin(
        name,
        (ctx) => {
          if (name === 'bad') ctx.provide('t', 1);
          ctx.onStart(async () => {
            throw new Error('boom');
          });
          ctx.onStop(async () => void trace.push(`stop ${name}`));
        },
        name === 'bad' ? { provides: { t: T } } : {},
      );
    const kernel = await kernelOf([traced('fine', trace), bad('bad'), bad('worse'), traced('after', trace, { requires: { t: T } })]);
    expect(await problemsOf(kernel.start())).to.deep.equal([
      ['KOSMOS_E_START', "plugin 'bad' failed in start: boom", 'plugin bad, start'],
      ['KOSMOS_E_START', "plugin 'worse' failed in start: boom", 'plugin worse, start'],
    ]);
    expect(trace).to.deep.equal(['start fine', 'stop worse', 'stop bad', 'stop fine']);
    await kernel.stop();
  });

  it('names a plugin that hangs in start, and aborts its signal', async () => {
    let aborted = false;
    const hung = plugin('hung', (ctx) =>
      ctx.onStart(async (signal) => {
        signal.addEventListener('abort', () => (aborted = true));
        await never();
      }),
    );
    expect(await problemsOf((await kernelOf([hung])).start())).to.deep.equal([
      ['KOSMOS_E_START_TIMEOUT', "plugin 'hung' hangs: its start was not done in 0.04 s", 'plugin hung, start'],
    ]);
    expect(aborted).to.equal(true);
  });

  it('says which plugins are still starting, at growing intervals', async () => {
    const lines: Line[] = [];
    const due: (() => void)[] = [];
    const asked: number[] = [];
    const clock = {
      now: () => 0,
      after(ms: number, fn: () => void) {
        asked.push(ms);
        if (ms < 9999) due.push(fn);
        return () => {};
      },
    };
    const release = Promise.withResolvers<void>();
    const slow = plugin('slow', (ctx) => ctx.onStart(() => release.promise));
    const kernel = await createKernel({
      config: { plugins: [slow], timeouts: { startMs: 9999 } },
      role: 'cli',
      log: memoryLog(lines),
      clock,
    });
    const started = kernel.start();
    await Promise.resolve();
    for (let i = 0; i < 3; i++) due.shift()?.();
    expect(lines.map((line) => line.message)).to.deep.equal(Array(3).fill('still starting: slow'));
    expect(asked.filter((ms) => ms < 9999)).to.deep.equal([2000, 3000, 5000, 8000]);
    expect(kernel.reasons()).to.deep.equal(['kernel: starting: slow']);
    release.resolve();
    await started;
    await kernel.stop();
  });

  it('can be stopped while it starts', async () => {
    const trace: string[] = [];
    const begun = Promise.withResolvers<void>();
    const kernel = await kernelOf(
      [plugin('slow', (ctx) => (ctx.onStart(() => (begun.resolve(), never())), ctx.onStop(async () => void trace.push('stop'))))],
      { timeouts: { startMs: 60_000 } },
    );
    const started = problemsOf(kernel.start());
    await begun.promise;
    await kernel.stop();
    expect((await started)[0]?.[1]).to.equal('the process is to stop');
    expect(trace).to.deep.equal(['stop']);
  });

  it('names a plugin that throws or hangs in stop, and stops the others', async () => {
    const trace: string[] = [];
    const bad = plugin('bad', (ctx) =>
      ctx.onStop(async () => {
        throw new Error('boom');
      }),
    );
    const hung = plugin('hung', (ctx) => ctx.onStop(never));
    const kernel = await kernelOf([traced('fine', trace), hung, bad]);
    await kernel.start();
    expect(await problemsOf(kernel.stop())).to.deep.equal([
      ['KOSMOS_E_STOP', "plugin 'bad' failed in stop: boom", 'plugin bad, stop'],
      ['KOSMOS_E_STOP_TIMEOUT', "plugin 'hung' hangs: its stop was not done in 0.04 s", 'plugin hung, stop'],
    ]);
    expect(trace.at(-1)).to.equal('stop fine');
  });

  it('stops when a plugin throws in ready', async () => {
    const trace: string[] = [];
    const bad = plugin('bad', (ctx) =>
      ctx.onReady(async () => {
        throw new Error('boom');
      }),
    );
    const kernel = await kernelOf([traced('fine', trace), bad]);
    expect(await problemsOf(kernel.start())).to.deep.equal([['KOSMOS_E_READY', "plugin 'bad' failed in ready: boom", 'plugin bad, ready']]);
    expect(trace).to.include('stop fine');
  });
});

describe('an optional plugin', () => {
  afterEach(stopAll);

  const failing = (phase: 'setup' | 'start') =>
    plugin(
      'extra',
      (ctx) => {
        if (phase === 'setup') throw new Error('boom');
        ctx.provide('t', 1);
        ctx.onStart(async () => {
          throw new Error('boom');
        });
      },
      { provides: { t: T } },
    );

  for (const phase of ['setup', 'start'] as const) {
    it(`that fails in ${phase} degrades the process, with what requires it and is optional too`, async () => {
      const trace: string[] = [];
      const lines: Line[] = [];
      const kernel = await kernelOf(
        [traced('fine', trace), optional(failing(phase)), optional(traced('needy', trace, { requires: { t: T } }))],
        {},
        lines,
      );
      await kernel.start();
      expect([...kernel.degraded]).to.deep.equal([
        ['extra', `plugin 'extra' failed in ${phase}: boom`],
        ['needy', "plugin 'needy' requires plugin 'extra', which failed"],
      ]);
      expect(kernel.state).to.equal('ready');
      expect(trace).to.deep.equal(['start fine', 'ready fine']);
      expect(lines.filter((line) => line.level === 'error').map((line) => line.fields.plugin)).to.deep.equal(['extra', 'needy']);
      await kernel.stop();
    });

    it(`that fails in ${phase} has no controller running`, async () => {
      const broken = plugin('extra', (ctx) => {
        // Without a reconcile, its start would end the process.
        ctx.controller('c');
        if (phase === 'setup') throw new Error('boom');
        ctx.onStart(async () => {
          throw new Error('boom');
        });
      });
      const kernel = await kernelOf([optional(broken)]);
      await kernel.start();
      expect(kernel.state).to.equal('ready');
      await kernel.stop();
    });

    it(`that fails in ${phase} ends the process where a required one needs it`, async () => {
      const work = async () => (await kernelOf([optional(failing(phase)), plugin('needy', undefined, { requires: { t: T } })])).start();
      expect(await problemsOf(work())).to.deep.equal([
        ['KOSMOS_E_START', "plugin 'needy' requires plugin 'extra', which failed", `plugin needy, ${phase}`],
      ]);
    });
  }
});

describe('health and metrics', () => {
  afterEach(stopAll);

  const get = async (port: number, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, (await response.text()).trim()];
  };

  it('are served over HTTP: alive, the reasons for not being ready, what is degraded, metrics', async () => {
    let reason: string | undefined = 'no route yet';
    const watchful = plugin(
      'watchful',
      ({ use }) => {
        use.health.ready('routes', () => reason);
        use.metrics.counter('packets_total', 'Packets seen', ['way']).inc({ way: 'in' }, 3);
      },
      { requires: { health: Health, metrics: Metrics } },
    );
    const broken = optional(
      plugin('broken', () => {
        throw new Error('boom');
      }),
    );
    const kernel = await kernelOf([watchful, broken], { http: { port: 0 } }, [], 'manager');
    await kernel.start();
    const port = kernel.http?.port ?? 0;
    expect(await get(port, '/healthz')).to.deep.equal([200, 'ok']);
    expect(await get(port, '/readyz')).to.deep.equal([
      503,
      "routes: no route yet\ndegraded: plugin broken: plugin 'broken' failed in setup: boom",
    ]);
    reason = undefined;
    expect((await get(port, '/readyz'))[0]).to.equal(200);
    expect((await get(port, '/metrics'))[1])
      .to.include('kosmos_packets_total{way="in"} 3')
      .and.include('process_resident_memory_bytes');
    expect((await get(port, '/other'))[0]).to.equal(404);
    const other = await kernelOf([], { http: { port } }, [], 'manager');
    expect(await problemsOf(other.start())).to.deep.equal([
      ['KOSMOS_E_PORT_IN_USE', `port ${port} on 127.0.0.1 is in use`, 'config, http.port'],
    ]);
    await kernel.stop();
    expect(await get(port, '/healthz').catch((error: Error) => error.message)).to.equal('fetch failed');
    const nowhere = await kernelOf([], { http: { host: '192.0.2.1', port: 0 } }, [], 'manager');
    expect((await problemsOf(nowhere.start()))[0]?.[0]).to.equal('KOSMOS_E_HTTP');
  });

  it('refuse a metric that is there already, and a name that Prometheus does not take', async () => {
    const counting = (name: string, metric: string) =>
      plugin(name, ({ use }) => void use.metrics.counter(metric, 'x'), { requires: { metrics: Metrics } });
    expect(await problemsOf(kernelOf([counting('a', 'x_total'), counting('b', 'x_total'), counting('c', 'x-total')]))).to.deep.equal([
      ['KOSMOS_E_METRIC', "the metric 'kosmos_x_total' is declared twice", 'plugin b, setup'],
      ['KOSMOS_E_METRIC', "'x-total' is no name for a metric", 'plugin c, setup'],
    ]);
  });
});

describe('the log', () => {
  it('has the plugin, the fields and the message, and no secrets', () => {
    const lines: string[] = [];
    const log = createLogger({ format: 'json', level: 'debug', stream: { write: (line) => lines.push(line) } });
    log.child({ plugin: 'net' }).info({ token: 'abc', access: { kubeconfig: 'k', user: { 'client-key-data': 'k' } }, n: 1 }, 'joined');
    log.trace({}, 'not shown');
    log.warn({ error: new TypeError('boom') }, 'failed');
    expect(lines).to.have.length(2);
    expect(JSON.parse(lines[0] ?? '')).to.deep.include({
      level: 'info',
      plugin: 'net',
      token: '[redacted]',
      access: { kubeconfig: '[redacted]', user: { 'client-key-data': '[redacted]' } },
      n: 1,
      msg: 'joined',
    });
    expect(JSON.parse(lines[1] ?? '')).to.deep.include({ level: 'warn', error: { message: 'boom' } });
  });

  it('is one line for people where it is asked to be pretty', async () => {
    const { PassThrough } = await import('node:stream');
    const out = new PassThrough({ encoding: 'utf8' });
    createLogger({ format: 'pretty', stream: out }).child({ plugin: 'net' }).info({ n: 1 }, 'joined');
    const [text] = (await out.take(1).toArray()) as string[];
    expect(text).to.match(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: net: joined\n\s+n: 1\n$/);
  });
});
