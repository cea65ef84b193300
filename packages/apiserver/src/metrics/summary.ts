import { request } from 'node:https';
import { endpointOf, type KubeletCredentials } from '../streams/relay.ts';
import { SUMMARY_PATH } from '../streams/kubelet-client.ts';
import type { JsonObject } from '../schema/schema.ts';

/** The parts of a kubelet's summary that metrics are made of. */
export interface Usage {
  readonly cpu: { readonly time: string; readonly usageNanoCores: number };
  readonly memory: { readonly workingSetBytes: number };
  readonly windowSeconds: number;
}

export interface ContainerUsage extends Usage {
  readonly name: string;
}

export interface NodeSummary {
  readonly node: Usage;
  readonly pods: readonly { readonly podRef: { readonly uid: string }; readonly containers: readonly ContainerUsage[] }[];
}

/** A node that does not answer within this time is left out. */
const TIMEOUT_MS = 5000;

/** Asks a node's kubelet what its pods use; undefined where it does not answer. */
export function askSummary(node: JsonObject, credentials: KubeletCredentials): Promise<NodeSummary | undefined> {
  return new Promise((resolve) => {
    let at: { host: string; port: number };
    try {
      at = endpointOf(node);
    } catch {
      return resolve(undefined); // it has not told yet where it is
    }
    const req = request({ ...at, path: SUMMARY_PATH, agent: false, timeout: TIMEOUT_MS, ...credentials }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.on('error', () => resolve(undefined));
      res.on('end', () => resolve(res.statusCode === 200 ? (JSON.parse(text) as NodeSummary) : undefined));
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve(undefined));
    req.end();
  });
}
