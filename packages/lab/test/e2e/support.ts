import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { toolEnv } from '../../src/isolate.ts';
import type { Lab } from '../../src/lab.ts';

/** Names of network namespaces and of links as a lab gives them, of which none is to be seen outside of it. */
const NAMES = /^(net|router-.*|c\d+\.(cp|n\d+).*|br-.*|cni0)$/;

/** What the machine has of labs: network namespaces, links, and processes that name `mark` in their arguments. */
export function traces(mark: string): { readonly netns: string[]; readonly links: string[]; readonly processes: string[] } {
  const names = (...args: string[]) =>
    execFileSync('ip', args, { encoding: 'utf8', env: toolEnv() })
      .split('\n')
      .map((line) => line.split(/[ @]/)[0] ?? '')
      .filter((name) => NAMES.test(name));
  return { netns: names('netns', 'list'), links: names('-br', 'link'), processes: processesOf(mark) };
}

function processesOf(mark: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(mark) ? [`${pid} ${command.slice(0, 200)}`] : [];
      } catch {
        return []; // ended in between
      }
    });
}

/** kubectl, against a cluster of a lab; what it printed. Throws what it said when it fails. */
export function kubectl(lab: Lab, cluster: string, args: readonly string[], input?: object): string {
  const kubeconfig = lab.clusters.find((c) => c.name === cluster)?.kubeconfig as string;
  return execFileSync('kubectl', ['--kubeconfig', kubeconfig, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    stdio: 'pipe',
    ...(input && { input: JSON.stringify(input) }),
  });
}

export function podManifest(name: string, container: object, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 2, containers: [{ name: 'main', ...container }], ...spec },
  };
}

export function getPod(
  lab: Lab,
  cluster: string,
  name: string,
): {
  metadata: { uid: string };
  status: {
    phase: string;
    podIP: string;
    containerStatuses: {
      ready: boolean;
      restartCount: number;
      state: Record<string, { reason: string; message: string; exitCode: number }>;
    }[];
  };
} {
  return JSON.parse(kubectl(lab, cluster, ['get', 'pod', name, '-o', 'json'])) as never;
}
