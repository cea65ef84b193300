import type { ConfigMap, Container, EnvVar, Pod, Secret, Service } from '../kube.ts';
import { fieldValue, resourceValue, type PodPlace } from './fields.ts';

/** What an environment refers to. A getter gives undefined for an object that is not there. */
export interface EnvSources {
  readonly place: PodPlace;
  /** Of the pod's namespace, and `kubernetes` of `default`. */
  readonly services: readonly Service[];
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
}

/** Something that a container's environment refers to is not there: it is not started, and tried again. */
export class ConfigError extends Error {}

/**
 * A container's environment, in Kubernetes' order: services, `envFrom`, `env`; the later wins. Values may name earlier variables
 * as `$(NAME)`. Throws ConfigError for what is referred to and is not there.
 */
export async function envOf(pod: Pod, container: Container, sources: EnvSources): Promise<Record<string, string>> {
  const env = serviceEnv(pod, sources.services);
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data = configMapRef
      ? (await found('configmap', configMapRef, sources.configMap))?.data
      : secretRef && decoded(await found('secret', secretRef, sources.secret));
    for (const [key, value] of Object.entries(data ?? {})) env[prefix + key] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, pod, container, sources, env);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

async function valueOf(
  { name, value = '', valueFrom }: EnvVar,
  pod: Pod,
  container: Container,
  sources: EnvSources,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  if (!valueFrom) return expand(value, env);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  const namespace = pod.metadata.namespace ?? 'default';
  try {
    if (fieldRef) return fieldValue(pod, fieldRef, sources.place);
    if (resourceFieldRef) return resourceValue(pod, container, resourceFieldRef, sources.place);
  } catch (error) {
    throw new ConfigError(`env ${name}: ${(error as Error).message}`);
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (!ref) throw new ConfigError(`env ${name}: valueFrom names no source that the lab has`);
  const data = configMapKeyRef
    ? (await found('configmap', ref, sources.configMap))?.data
    : decoded(await found('secret', ref, sources.secret));
  const given = data?.[ref.key];
  if (given === undefined && !ref.optional)
    throw new ConfigError(`couldn't find key ${ref.key} in ${configMapKeyRef ? 'ConfigMap' : 'Secret'} ${namespace}/${ref.name}`);
  return given;
}

async function found<T>(
  what: string,
  { name = '', optional }: { readonly name?: string; readonly optional?: boolean },
  get: (name: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  const object = await get(name);
  if (!object && !optional) throw new ConfigError(`${what} "${name}" not found`);
  return object;
}

const decoded = (secret: Secret | undefined): Record<string, string> | undefined =>
  secret && Object.fromEntries(Object.entries(secret.data ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64').toString()]));

/** Variables about services as Docker links had them: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR`, ... */
export function serviceEnv(pod: Pod, services: readonly Service[]): Record<string, string> {
  const env: Record<string, string> = {};
  const namespace = pod.metadata.namespace ?? 'default';
  for (const { metadata, spec } of services) {
    const isApi = metadata.name === 'kubernetes' && metadata.namespace === 'default';
    const isLinked = metadata.namespace === namespace && pod.spec.enableServiceLinks !== false;
    const { clusterIP, ports = [] } = spec;
    const [first] = ports;
    if ((!isApi && !isLinked) || !clusterIP || clusterIP === 'None' || !first) continue;
    const name = upper(metadata.name);
    const host = clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP;
    const url = (port: (typeof ports)[number]) => `${(port.protocol ?? 'TCP').toLowerCase()}://${host}:${port.port}`;
    env[`${name}_SERVICE_HOST`] = clusterIP;
    env[`${name}_SERVICE_PORT`] = String(first.port);
    for (const port of ports) if (port.name) env[`${name}_SERVICE_PORT_${upper(port.name)}`] = String(port.port);
    env[`${name}_PORT`] = url(first);
    for (const port of ports) {
      const prefix = `${name}_PORT_${port.port}_${port.protocol ?? 'TCP'}`;
      env[prefix] = url(port);
      env[`${prefix}_PROTO`] = (port.protocol ?? 'TCP').toLowerCase();
      env[`${prefix}_PORT`] = String(port.port);
      env[`${prefix}_ADDR`] = clusterIP;
    }
  }
  return env;
}

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_');

/** As Kubernetes does it in env, command and args: `$(NAME)` is replaced when NAME is known, `$$` stands for `$`. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()]+)\)/g, (whole, name?: string) => (name === undefined ? '$' : (env[name] ?? whole)));
}
