import { facts } from './facts.ts';
import { groupVersion, type Resource } from './resource.ts';
import { strategies } from './strategies.ts';
import { builtinColumns } from './columns.ts';

/** Built-in kinds whose metadata.generation counts changes of their spec. */
const COUNTED = new Set([
  'pods',
  'podtemplates',
  'replicationcontrollers',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'replicasets.apps',
  'jobs.batch',
  'cronjobs.batch',
  'endpointslices.discovery.k8s.io',
  'ingresses.networking.k8s.io',
  'ingressclasses.networking.k8s.io',
  'networkpolicies.networking.k8s.io',
  'poddisruptionbudgets.policy',
  'customresourcedefinitions.apiextensions.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
  'flowschemas.flowcontrol.apiserver.k8s.io',
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io',
  'deviceclasses.resource.k8s.io',
  'resourceslices.resource.k8s.io',
]);

/** Built-in kinds whose updates have to say which version they change. */
const VERSIONED = new Set([
  'leases.coordination.k8s.io',
  'poddisruptionbudgets.policy',
  'runtimeclasses.node.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
]);

/** Built-in kinds of which an update makes an object that is not there. */
const UPSERTED = new Set([
  'endpoints',
  'events',
  'limitranges',
  'services',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
]);

/** Built-in kinds whose finalizers are not looked at. */
const FREE = new Set([
  'events',
  'leases.coordination.k8s.io',
  'runtimeclasses.node.k8s.io',
  'poddisruptionbudgets.policy',
  'apiservices.apiregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
]);

/** Built-in kinds that are the answer to their deletion. */
const RETURNED = new Set([
  'podtemplates',
  'persistentvolumes',
  'persistentvolumeclaims',
  'resourcequotas',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'storageclasses.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
]);

/** Built-in kinds that go, and what whoever asks for them is told. */
const DEPRECATED: Record<string, string> = {
  endpoints: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  componentstatuses: 'v1 ComponentStatus is deprecated in v1.19+',
};

/**
 * Every kind that is served, built-in or custom: what discovery shows, requests are routed by, and objects are written by.
 * Order is that of discovery: built-in groups as Kubernetes has them, custom ones as they came.
 */
export class Registry {
  readonly #byPath = new Map<string, Resource>();
  readonly #builtinGroups = new Set<string>();
  /** Grows with every change; discovery is cached by it. */
  revision = 0;

  constructor() {
    for (const { group, versions } of facts.groups) {
      this.#builtinGroups.add(group);
      for (const { version, resources } of versions)
        for (const r of resources) {
          const id = group ? `${r.plural}.${group}` : r.plural;
          this.add({
            group,
            version,
            plural: r.plural,
            singular: r.singular,
            kind: r.kind,
            listKind: `${r.kind}List`,
            namespaced: r.namespaced,
            verbs: r.verbs,
            ...(r.shortNames ? { shortNames: r.shortNames } : {}),
            ...(r.categories ? { categories: r.categories } : {}),
            subresources: r.subresources ?? [],
            schema: r.type ? { ref: r.type, type: 'object' } : undefined,
            columns: builtinColumns(id, r.columns),
            storage: strategies[id]?.kept?.as ?? id,
            storageVersion: versions[0]!.version,
            generation: COUNTED.has(id),
            wantsVersion: VERSIONED.has(id),
            createsOnUpdate: UPSERTED.has(id),
            freeFinalizers: FREE.has(id),
            returnsDeleted: RETURNED.has(id),
            ...(DEPRECATED[id] ? { deprecation: DEPRECATED[id] } : {}),
            statusSubresource: r.subresources?.some((s) => s.name === 'status') ?? false,
            ...strategies[id],
          });
        }
    }
  }

  add(resource: Resource): void {
    this.#byPath.set(`${resource.group}/${resource.version}/${resource.plural}`, resource);
    this.revision += 1;
  }

  /** Takes every version of a custom resource out. */
  removeCrd(crd: string): void {
    for (const [path, resource] of this.#byPath) if (resource.custom?.crd === crd) this.#byPath.delete(path);
    this.revision += 1;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** Some version of the resource whose objects are kept under this key. */
  stored(storage: string): Resource | undefined {
    return this.all().find((r) => r.storage === storage && r.version === r.storageVersion);
  }

  all(): Resource[] {
    return [...this.#byPath.values()];
  }

  /** Groups in discovery order, each with its versions, preferred first. */
  groups(): { group: string; versions: { version: string; resources: Resource[] }[] }[] {
    const groups = new Map<string, Map<string, Resource[]>>();
    for (const r of this.#byPath.values()) {
      const versions = groups.get(r.group) ?? groups.set(r.group, new Map()).get(r.group)!;
      (versions.get(r.version) ?? versions.set(r.version, []).get(r.version)!).push(r);
    }
    return [...groups].map(([group, versions]) => ({
      group,
      versions: [...versions]
        .map(([version, resources]) => ({ version, resources }))
        .sort((a, b) => (this.#builtinGroups.has(group) ? 0 : compareVersions(a.version, b.version))),
    }));
  }

  groupVersions(): string[] {
    return this.groups().flatMap(({ group, versions }) => versions.map(({ version }) => groupVersion({ group, version })));
  }
}

/** Kubernetes' order of versions: GA before beta before alpha, higher first, then everything else by name. */
export function compareVersions(a: string, b: string): number {
  const parse = (v: string): [number, number, number] | undefined => {
    const m = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(v);
    return m ? [m[2] === undefined ? 2 : m[2] === 'beta' ? 1 : 0, Number(m[1]), Number(m[3] ?? 0)] : undefined;
  };
  const x = parse(a);
  const y = parse(b);
  if (x && y) return y[0] - x[0] || y[1] - x[1] || y[2] - x[2];
  return x ? -1 : y ? 1 : a < b ? -1 : 1;
}
