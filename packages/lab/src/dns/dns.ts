import type { Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import type { ClusterView } from './cluster-records.ts';
import { corefileConfig, type BlockConfig } from './config.ts';
import { within } from './corefile.ts';
import type { Handler, Plugin } from './handler.ts';
import { forward } from './plugins/forward.ts';
import { kubernetes } from './plugins/kubernetes.ts';
import { cache, hosts, loadbalance, rewrite } from './plugins/local.ts';
import { listenDns, listenHttp, type Route } from './server.ts';

export interface DnsOptions {
  readonly addresses: readonly string[];
  readonly view: ClusterView;
  readonly log: Logger;
  /** Tests listen elsewhere than on the port of a server block. */
  readonly portOf?: (port: number) => number;
}

interface Chain {
  readonly zone: string;
  readonly handler: Handler;
}

/** Serves what a Corefile says, and another one when it changes. */
export class Dns {
  readonly #options: DnsOptions;
  /** By port. What was listened on before stays open, so that a reload loses no query. */
  #chains = new Map<number, readonly Chain[]>();
  readonly #open = new Map<string, { close(): void }>();
  #reloads = true;
  #text: string | undefined;

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  /** Resolves when it is served. A text that cannot be read is said, and what was served before stays. */
  async serve(text: string): Promise<void> {
    const { log } = this.#options;
    if (text === this.#text) return;
    if (!this.#reloads) return log.warn({}, 'the Corefile has changed, but had no plugin reload: it counts when the server starts again');
    try {
      const { blocks, warnings } = corefileConfig(text);
      for (const warning of warnings) log.warn({ corefile: warning }, 'part of the Corefile left aside');
      const chains = new Map<number, Chain[]>();
      for (const block of blocks)
        for (const { zone, port } of block.zones) {
          const handler = this.#chain(block, this.route(port));
          chains.set(port, [...(chains.get(port) ?? []), { zone, handler }]);
        }
      await this.#listen(blocks, [...chains.keys()]);
      this.#chains = chains;
      this.#reloads = blocks.some((b) => b.reload);
      this.#text = text;
      log.info({ blocks: blocks.map((b) => b.zones.map((z) => `${z.zone}:${z.port}`).join(' ')) }, 'Corefile served');
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the Corefile cannot be served; the one before it stays');
    }
  }

  /** Who answers for a name on a port. */
  route(port: number): Route {
    return (name) => routeIn(this.#chains.get(port) ?? [])(name);
  }

  close(): void {
    for (const each of this.#open.values()) each.close();
    this.#open.clear();
  }

  /** The plugins of a block, in CoreDNS's order. */
  #chain(block: BlockConfig, route: Route): Handler {
    const { view, log } = this.#options;
    const report = (message: string) => block.errors && log.error({ upstream: message }, 'upstream does not answer');
    const resolve: Handler = async (query) => route(query.name)?.(query);
    const plugins: Plugin[] = [
      ...(block.log ? [logged(log)] : []),
      ...(block.loadbalance ? [loadbalance] : []),
      ...(block.cache ? [cache(block.cache)] : []),
      ...(block.rewrite.length > 0 ? [rewrite(block.rewrite)] : []),
      ...(block.hosts ? [hosts(block.hosts)] : []),
      ...(block.kubernetes ? [kubernetes(block.kubernetes, view, resolve)] : []),
      ...block.forward.map((f) => forward(f, report)),
    ];
    return plugins.reduceRight<Handler>(
      (next, plugin) => plugin(next),
      async () => undefined,
    );
  }

  async #listen(blocks: readonly BlockConfig[], ports: readonly number[]): Promise<void> {
    const { addresses, log, portOf = (port: number) => port } = this.#options;
    const wanted = new Map<string, () => Promise<{ close(): void }>>();
    for (const port of ports) wanted.set(`dns ${port}`, () => listenDns({ addresses, port: portOf(port), route: this.route(port), log }));
    for (const { health, ready } of blocks) {
      if (health !== undefined) wanted.set(`health ${health}`, () => listenHttp(health, '/health', () => true));
      if (ready !== undefined) wanted.set(`ready ${ready}`, () => listenHttp(ready, '/ready', () => this.#chains.size > 0));
    }
    for (const [key, open] of wanted) if (!this.#open.has(key)) this.#open.set(key, await open());
    for (const [key, each] of this.#open) {
      if (wanted.has(key)) continue;
      each.close();
      this.#open.delete(key);
    }
  }
}

const routeIn =
  (chains: readonly Chain[]): Route =>
  (name) =>
    chains.filter((c) => within(name, c.zone)).sort((a, b) => b.zone.length - a.zone.length)[0]?.handler;

const logged =
  (log: Logger): Plugin =>
  (next) =>
  async (query) => {
    const reply = await next(query);
    log.info({ name: query.question.name, type: query.type, rcode: reply?.rcode ?? 'REFUSED' }, 'query');
    return reply;
  };
