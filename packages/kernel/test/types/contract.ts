/**
 * The types of the contract, held at compile time: from source by the root tsconfig, and from a tarball by
 * test/integration/tarballs.test.ts, so this file imports by package name only.
 */
import {
  type Bail,
  type Chain,
  type Clock,
  type Command,
  Clusters,
  Commands,
  type Config,
  type ControllerBuilder,
  type Hook,
  type Informer,
  type Kind,
  type KObject,
  type Logger,
  type Many,
  Metrics,
  type Plugin,
  type Provided,
  type Received,
  type Schema,
  type Self,
  type Token,
  type Writer,
  bail,
  chain,
  defineConfig,
  definePlugin,
  hook,
  many,
  optional,
  part,
  token,
} from '@kosmos/kernel';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Fails to compile unless T is true. */
export type Expect<T extends true> = T;
function holds<_T extends true>(): void {}

interface Link {
  readonly mtu: number;
}
const LinkToken = token<Link>('net.link');
const Words = many<string>('talk.words');

// Tokens: what is received and what is provided.
holds<Equal<Received<typeof LinkToken>, Link>>();
holds<Equal<Received<typeof Words>, readonly string[]>>();
holds<Equal<Provided<typeof Words>, string>>();
holds<Equal<Received<typeof Commands>, readonly Command[]>>();
const declared: Token<Link> = token<Link>('net.link', { major: 2 });
const declaredMany: Many<string> = Words;
// @ts-expect-error an id is <plugin>.<thing>
token<Link>('link');
// @ts-expect-error a token of one type is not one of another
const other: Token<string> = declared;

// Hooks: an owner's hook is a hook, and a tap cannot run it.
const heard = hook<[count: number]>('net.heard');
const asked = bail<[name: string], Link>('net.asked');
const passed = chain<readonly string[], [by: number]>('net.passed');
const forTaps: { heard: Hook<[number]>; asked: Bail<[string], Link>; passed: Chain<readonly string[], [number]> } = {
  heard,
  asked,
  passed,
};
holds<Equal<ReturnType<typeof heard.run>, void>>();
holds<Equal<ReturnType<typeof heard.runAsync>, Promise<void>>>();
holds<Equal<ReturnType<typeof asked.first>, Link | undefined>>();
holds<Equal<ReturnType<typeof passed.through>, readonly string[]>>();
// @ts-expect-error only its owner runs a hook
forTaps.heard.run(1);
// @ts-expect-error arguments are checked
heard.run('1');
// @ts-expect-error a hook of other arguments is another hook
const wrong: Hook<[string]> = heard;

interface Pod extends KObject {
  readonly spec: { readonly nodeName?: string };
}
const PODS: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

// What setup receives follows from what the part declares.
declare const schema: Schema<{ mtu?: number }, { mtu: number }>;
export const net = definePlugin({
  name: 'net',
  version: '1.0.0',
  apiVersion: 1,
  kernel: '^1',
  options: schema,
  parts: {
    all: part<{ mtu: number }>()({
      requires: { clusters: Clusters, words: Words },
      optional: { metrics: Metrics },
      provides: { link: LinkToken, commands: Commands },
      setup(ctx, options) {
        holds<Equal<typeof options, { mtu: number }>>();
        holds<Equal<typeof ctx.use, { readonly clusters: Clusters; readonly words: readonly string[] }>>();
        holds<Equal<typeof ctx.maybe, { readonly metrics?: Metrics }>>();
        holds<Equal<typeof ctx.log, Logger>>();
        holds<Equal<typeof ctx.clock, Clock>>();
        holds<Equal<typeof ctx.self, Self>>();
        ctx.provide('link', { mtu: options.mtu });
        ctx.provide('commands', { path: ['net'], summary: 'net', run: async () => 0 });
        // @ts-expect-error what is optional may be absent
        ctx.maybe.metrics.counter('a', 'b');
        // @ts-expect-error it was not declared
        void ctx.use.metrics;
        // @ts-expect-error it was not declared
        ctx.provide('words', 'a');
        // @ts-expect-error the value must be of the token's type
        ctx.provide('link', { mtu: '1400' });

        ctx.tap(forTaps.heard, (count) => holds<Equal<typeof count, number>>());
        ctx.tap(forTaps.asked, (name) => (name === 'a' ? { mtu: 1 } : undefined), { before: ['gateway'] });
        ctx.tap(forTaps.passed, (value, by) => value.slice(by), { after: ['gateway'] });
        // @ts-expect-error a tap of a chain returns the value
        ctx.tap(forTaps.passed, () => {});
        // @ts-expect-error an answer is of the hook's type
        ctx.tap(forTaps.asked, () => 7);

        const pods = ctx.informer(PODS, { clusters: 'members', indexes: { node: (pod) => [pod.spec.nodeName ?? ''] } });
        holds<Equal<typeof pods, Informer<Pod>>>();
        holds<Equal<ReturnType<typeof pods.get>, Pod | undefined>>();
        const builder = ctx.controller('pods').for(pods).gated('net').concurrency(2);
        holds<typeof builder extends ControllerBuilder ? true : false>();
        builder.reconcile(async (key, { signal, log }) => {
          signal.throwIfAborted();
          log.info({ cluster: key.cluster }, 'reconciled');
          return { requeueAfterMs: 1000 };
        });
        const writer: Writer = ctx.writer('pods');
        // @ts-expect-error of an unknown subresource
        void writer.apply('host', PODS, {}, { subresource: 'scale' });
        ctx.onStart(async (signal) => signal.throwIfAborted());
        // @ts-expect-error start is asynchronous
        ctx.onStart(() => 7);
      },
    }),
    // @ts-expect-error there is no such role
    boss: part<{ mtu: number }>()({ setup() {} }),
  },
});

// A part of a plugin takes the plugin's options.
definePlugin({
  name: 'net',
  version: '1.0.0',
  apiVersion: 1,
  kernel: '^1',
  // @ts-expect-error the part's options are not what the schema gives
  options: schema,
  parts: { all: part<{ port: string }>()({ setup() {} }) },
});

// The factory takes the schema's input.
const plugin: Plugin = net({ mtu: 1400 });
net();
// @ts-expect-error of a wrong type
net({ mtu: '1400' });

// Configs: an object or a function of the environment; presets nest, falsy entries are dropped.
const config: Config = { plugins: [plugin, [optional(plugin), [net()]], process.env.DEBUG === '1' && plugin, null, undefined] };
defineConfig(config);
defineConfig(async (env) => ({ ...config, clusters: { host: { kubeconfigFile: env.KUBECONFIG ?? '' }, a: { inCluster: true } } }));
// @ts-expect-error unknown options are refused
defineConfig({ plugins: [], logs: {} });
// @ts-expect-error a factory is not a plugin
defineConfig({ plugins: [net] });

export const used = [declaredMany, other, wrong];
