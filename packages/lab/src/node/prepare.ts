import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../kube.ts';
import { envOf, expand } from './env.ts';
import { imageOf } from './images.ts';
import type { PodContext } from './pod-context.ts';
import { hostnameOf, podFiles } from './pod-files.ts';
import { buildRoot, type Root } from './root/build.ts';
import { MESSAGE_PATH } from './termination.ts';

/** All that a container needs to be started. */
export interface Prepared {
  readonly root: Root;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly hostname: string;
}

/** The environment that a container gets. Throws ConfigError for what it refers to and is not there. */
export async function environment({ services, record, pod, place }: PodContext, container: Container): Promise<Record<string, string>> {
  const now = pod();
  if (!now) return {};
  const { namespace } = record;
  const { config, sources } = services;
  const hostname = hostnameOf(now, config.node, config.dns?.domain ?? 'cluster.local');
  const given = await envOf(now, container, {
    place: place(),
    services: await sources.services(),
    configMap: (name) => sources.configMap(namespace, name),
    secret: (name) => sources.secret(namespace, name),
  });
  return {
    HOSTNAME: hostname,
    LAB_POD: record.name,
    LAB_NAMESPACE: namespace,
    LAB_NODE: config.node,
    LAB_CLUSTER: config.cluster,
    LAB_POD_IP: record.ip,
    ...given,
  };
}

/** Makes a container's root and finds its command. Throws for what it refers to and is not there. */
export async function prepare(context: PodContext, container: Container): Promise<Prepared> {
  const { services, volumes, dirs, pod, place } = context;
  const now = pod();
  if (!now) throw new Error('the pod is gone');
  const { node, dns } = services.config;
  const env = await environment(context, container);
  const message = join(dirs.memory, `${container.name}.message`);
  writeFileSync(message, '', { mode: 0o666 });
  const target = container.terminationMessagePath ?? MESSAGE_PATH;
  const mounts = [...volumes.mountsOf(container, env), { source: message, target, readOnly: false }];
  const files = podFiles(now, { node, dns, podIPs: place().podIPs });
  const { command = imageOf(container.image)?.entrypoint ?? [], args = [] } = container;
  return {
    root: buildRoot(join(dirs.memory, 'roots', container.name), services.root, { mounts, files }),
    command: [...command, ...args].map((word) => expand(word, env)),
    env,
    hostname: hostnameOf(now, node, dns?.domain ?? 'cluster.local'),
  };
}
