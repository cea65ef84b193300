import type { Container, Pod } from '../kube.ts';

/** Fields of a pod that `valueFrom.fieldRef` may name. */
const FIELDS: Readonly<Record<string, (pod: Pod, ip: string) => string | undefined>> = {
  'metadata.name': (pod) => pod.metadata.name,
  'metadata.namespace': (pod) => pod.metadata.namespace,
  'metadata.uid': (pod) => pod.metadata.uid,
  'spec.nodeName': (pod) => pod.spec.nodeName,
  'status.podIP': (_pod, ip) => ip,
};

/** The environment that a container's `env` describes; earlier variables can be named as `$(NAME)`. Throws for a field that is unknown. */
export function envOf(pod: Pod, container: Container, podIP: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    const path = variable.valueFrom?.fieldRef?.fieldPath;
    if (variable.valueFrom && (path === undefined || !FIELDS[path])) {
      throw new Error(`env ${variable.name}: the lab gives values by fieldRef of ${Object.keys(FIELDS).join(', ')}`);
    }
    env[variable.name] = path === undefined ? expand(variable.value ?? '', env) : (FIELDS[path]?.(pod, podIP) ?? '');
  }
  return env;
}

/** As Kubernetes does it in env, command and args: `$(NAME)` is replaced when NAME is known, `$$` stands for `$`. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^()]+)\)/g, (whole, name?: string) => (name === undefined ? '$' : (env[name] ?? whole)));
}
