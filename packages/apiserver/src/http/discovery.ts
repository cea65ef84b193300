import type { Registry } from '../kinds/registry.ts';
import { groupVersion, type Resource } from '../kinds/resource.ts';
import { createHash } from 'node:crypto';
import { noSuchPath } from './errors.ts';
import { acceptedFor } from './negotiate.ts';
import type { Call } from './request.ts';
import { send } from './respond.ts';

type Body = Record<string, unknown>;

/** What Kubernetes keeps of some kinds is of another group or version than the one that is served first. */
const STORED_AS: Record<string, string> = {
  'events.k8s.io/v1/Event': '/v1/Event',
  'apiextensions.k8s.io/v1/CustomResourceDefinition': 'apiextensions.k8s.io/v1beta1/CustomResourceDefinition',
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy': 'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding': 'admissionregistration.k8s.io/v1beta1/MutatingAdmissionPolicyBinding',
};

function hash(r: Resource): string {
  const kept = `${r.group}/${r.storageVersion}/${r.kind}`;
  return createHash('sha256')
    .update(STORED_AS[kept] ?? kept)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

/** APIResourceList of one group and version. */
function resourceList(group: string, version: string, resources: readonly Resource[]): Body {
  return {
    kind: 'APIResourceList',
    ...(group ? { apiVersion: 'v1' } : {}),
    groupVersion: groupVersion({ group, version }),
    resources: resources.flatMap((r) => [
      {
        name: r.plural,
        singularName: r.singular,
        namespaced: r.namespaced,
        kind: r.kind,
        verbs: r.verbs,
        ...(r.shortNames ? { shortNames: r.shortNames } : {}),
        ...(r.categories ? { categories: r.categories } : {}),
        ...(r.verbs.includes('watch') ? { storageVersionHash: hash(r) } : {}),
      },
      ...r.subresources.map((s) => ({
        name: `${r.plural}/${s.name}`,
        singularName: '',
        namespaced: r.namespaced,
        ...(s.group !== undefined ? { group: s.group, version: s.version } : {}),
        kind: s.kind,
        verbs: s.verbs,
      })),
    ]),
  };
}

const versionsOf = (group: string, versions: { version: string }[]): Body[] =>
  versions.map(({ version }) => ({ groupVersion: groupVersion({ group, version }), version }));

function apiGroup(group: string, versions: { version: string }[], standalone: boolean): Body {
  const all = versionsOf(group, versions);
  return { ...(standalone ? { kind: 'APIGroup', apiVersion: 'v1' } : {}), name: group, versions: all, preferredVersion: all[0] };
}

function apiGroupList(registry: Registry): Body {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: registry
      .groups()
      .filter((g) => g.group)
      .map((g) => apiGroup(g.group, g.versions, false)),
  };
}

const apiVersions = (address: string): Body => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
});

/** Everything at once, as kubectl asks for it first (apidiscovery.k8s.io). */
function aggregated(registry: Registry, core: boolean): Body {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: registry
      .groups()
      .filter((g) => (g.group === '') === core)
      .map(({ group, versions }) => ({
        metadata: group ? { name: group } : {},
        versions: versions.map((v) => ({
          version: v.version,
          freshness: 'Current',
          resources: v.resources.map((r) => ({
            resource: r.plural,
            // Group and version are those of the list where nothing is said.
            responseKind: { group: '', version: '', kind: r.kind },
            scope: r.namespaced ? 'Namespaced' : 'Cluster',
            singularResource: r.singular,
            verbs: r.verbs,
            ...(r.shortNames ? { shortNames: r.shortNames } : {}),
            ...(r.categories ? { categories: r.categories } : {}),
            ...(r.subresources.length
              ? {
                  subresources: r.subresources.map((s) => ({
                    subresource: s.name,
                    responseKind: { group: s.group ?? '', version: s.version ?? '', kind: s.kind },
                    verbs: s.verbs,
                  })),
                }
              : {}),
          })),
        })),
      })),
  };
}

/** Answers what is below /api and /apis and above the kinds. */
export function sendDiscovery(call: Call, registry: Registry, address: string, segments: string[]): void {
  const wanted = /application\/json;([^,]*g=apidiscovery\.k8s\.io[^,]*)/.exec(String(call.req.headers.accept ?? ''));
  if (segments.length === 1 && wanted && /v=v2(?:;|$)/.test(wanted[1]!)) {
    call.res.setHeader('cache-control', 'public');
    return send(
      call,
      200,
      aggregated(registry, segments[0] === 'api'),
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
  }
  const [root, first, second, ...rest] = segments;
  if (rest.length) throw noSuchPath();
  acceptedFor(call.req, 'get');
  if (root === 'api' && first === undefined) return send(call, 200, apiVersions(address));
  if (root === 'apis' && first === undefined) return send(call, 200, apiGroupList(registry));
  const group = registry.groups().find((g) => g.group === (root === 'api' ? '' : first));
  if (!group || (root === 'api' && second !== undefined)) throw noSuchPath();
  if (root === 'apis' && second === undefined) return send(call, 200, apiGroup(group.group, group.versions, true));
  const version = group.versions.find((v) => v.version === (root === 'api' ? first : second));
  if (!version) throw noSuchPath();
  return send(call, 200, resourceList(group.group, version.version, version.resources));
}

/** The version that clients see: that of the Kubernetes release whose behaviour this follows. */
export const VERSION = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.2',
  gitCommit: 'kosmos',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
};
