import type { KubeClient } from '@kosmos/kernel';
import type { Pod, TokenSource } from '../../kube.ts';

interface Token {
  readonly text: string;
  /** When another one is to be had, milliseconds since 1970. */
  readonly due: number;
}

const DAY_MS = 86_400_000;

/** As kubelets do: after four fifths of its time, and once a day. */
export const renewalDue = (issued: number, expires: number): number => issued + Math.min((expires - issued) * 0.8, DAY_MS);

/** Tokens of a pod's service account, bound to the pod; each is asked for once and again when it is due. */
export class PodTokens {
  readonly #client: KubeClient;
  readonly #known = new Map<string, Token>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async token(pod: Pod, { audience, expirationSeconds = 3600 }: TokenSource): Promise<string> {
    const key = JSON.stringify([audience, expirationSeconds]);
    const known = this.#known.get(key);
    if (known && Date.now() < known.due) return known.text;
    const { name, uid, namespace = 'default' } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? 'default';
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds,
        ...(audience && { audiences: [audience] }),
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const issued = Date.now();
    const answer = (await this.#client.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, { body })) as {
      status: { token: string; expirationTimestamp: string };
    };
    const { token, expirationTimestamp } = answer.status;
    this.#known.set(key, { text: token, due: renewalDue(issued, Date.parse(expirationTimestamp)) });
    return token;
  }

  /** When the next token is due; undefined without any. */
  get due(): number | undefined {
    const all = [...this.#known.values()].map((t) => t.due);
    return all.length > 0 ? Math.min(...all) : undefined;
  }
}
