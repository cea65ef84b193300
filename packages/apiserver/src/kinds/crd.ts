import { loadRules } from '../cel/load.ts';
import { field, type Cause } from '../http/errors.ts';
import { equal, hasRules, isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { checkKeywords } from '../schema/keywords.ts';
import { structuralProblems, toSchema } from '../schema/structural.ts';
import { age } from './cells.ts';
import { isEstablished, settleNames } from './crd-names.ts';
import { jsonPath } from './json-path.ts';
import { dns1035Label, dnsSubdomain } from './names.ts';
import type { Column, Resource, Strategy, Subresource } from './resource.ts';
import { compareVersions } from './registry.ts';

export const CRD_STORAGE = 'customresourcedefinitions.apiextensions.k8s.io';
export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';
const AGE_DESCRIPTION =
  'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata';

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  priority: 0,
  description: NAME_DESCRIPTION,
  cell: (o) => o['metadata'].name,
};
const ageColumn: Column = { name: 'Age', type: 'date', format: '', priority: 0, description: AGE_DESCRIPTION, cell: age };

function columnsOf(version: JsonObject): Column[] {
  const extra: JsonObject[] | undefined = version['additionalPrinterColumns'];
  if (!extra?.length) return [nameColumn, ageColumn];
  return [
    nameColumn,
    ...extra.map((c): Column => {
      const find = jsonPath(c['jsonPath']);
      return {
        name: c['name'],
        type: c['type'],
        format: c['format'] ?? '',
        priority: c['priority'] ?? 0,
        description: c['description'] ?? `Custom resource definition column (in JSONPath format): ${c['jsonPath']}`,
        cell: (object, now) => {
          const [value] = find?.(object) ?? [];
          if (value === undefined || value === null) return null;
          switch (c['type']) {
            case 'date':
              return age({ metadata: { creationTimestamp: value } }, now);
            case 'integer':
              return typeof value === 'number' ? Math.trunc(value) : null;
            case 'number':
              return typeof value === 'number' ? value : null;
            case 'boolean':
              return typeof value === 'boolean' ? value : null;
            default:
              return typeof value === 'string' ? value : JSON.stringify(value);
          }
        },
      };
    }),
  ];
}

/** What whoever uses a deprecated version is told: the best of the others that come before it, too. */
function deprecation({ group, names, versions }: JsonObject, version: string): string {
  const better = (versions as JsonObject[])
    .filter((v) => v['served'] && !v['deprecated'] && compareVersions(v['name'], version) < 0)
    .map((v) => v['name'] as string)
    .sort(compareVersions)[0];
  return `${group}/${version} ${names.kind} is deprecated${better ? `; use ${group}/${better} ${names.kind}` : ''}`;
}

/** The resources, one a served version, that a definition makes once it is established; under the names that it has. */
export function resourcesOf(crd: JsonObject): Resource[] {
  if (!isEstablished(crd)) return [];
  const { group, scope, versions } = crd['spec'] as JsonObject;
  const names: JsonObject = crd['status'].acceptedNames;
  const storage = versions.find((v: JsonObject) => v['storage'])?.name ?? versions[0].name;
  return [...(versions as JsonObject[])]
    .filter((v) => v['served'])
    .sort((a, b) => compareVersions(a['name'], b['name']))
    .map((v): Resource => {
      const schema: Schema = toSchema(v['schema']?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
      const subresources: Subresource[] = [];
      const { status, scale } = v['subresources'] ?? {};
      const rw = ['get', 'patch', 'update'];
      if (status) subresources.push({ name: 'status', kind: names.kind, verbs: rw });
      if (scale) subresources.push({ name: 'scale', kind: 'Scale', verbs: rw, group: 'autoscaling', version: 'v1' });
      const selectable: string[] = (v['selectableFields'] ?? []).map((f: JsonObject) => String(f['jsonPath']));
      return {
        group,
        version: v['name'],
        plural: names.plural,
        singular: names.singular || names.kind.toLowerCase(),
        kind: names.kind,
        listKind: names.listKind || `${names.kind}List`,
        namespaced: scope === 'Namespaced',
        verbs: VERBS,
        ...(names.shortNames?.length ? { shortNames: names.shortNames } : {}),
        ...(names.categories?.length ? { categories: names.categories } : {}),
        subresources,
        schema,
        columns: columnsOf(v),
        storage: `${names.plural}.${group}`,
        storageVersion: storage,
        generation: true,
        ...(hasRules(schema) ? { prepare: loadRules } : {}),
        wantsVersion: true,
        freeFinalizers: true,
        statusSubresource: Boolean(status),
        ...(v['deprecated'] ? { deprecation: v['deprecationWarning'] ?? deprecation(crd['spec'], v['name']) } : {}),
        custom: {
          crd: crd['metadata'].name,
          ...(scale
            ? {
                scale: {
                  spec: scale.specReplicasPath,
                  status: scale.statusReplicasPath,
                  ...(scale.labelSelectorPath ? { selector: scale.labelSelectorPath } : {}),
                },
              }
            : {}),
        },
        ...(selectable.length
          ? {
              fields: (object: JsonObject) =>
                Object.fromEntries(
                  selectable.map((path) => {
                    const value = path
                      .split('.')
                      .slice(1)
                      .reduce<unknown>((o, k) => (isObject(o) ? o[k] : undefined), object);
                    return [path.slice(1), value === undefined || value === null ? '' : String(value)];
                  }),
                ),
            }
          : {}),
      };
    });
}

/** Fields that objects may be selected by: strings, integers and booleans that the schema has, eight of them. */
function selectableProblems(fields: JsonObject[], schema: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  if (fields.length > 8) causes.push(field.tooMany(path, fields.length, 8));
  const seen = new Set<string>();
  for (const [i, f] of fields.entries()) {
    const at = `${path}[${i}].jsonPath`;
    const text = String(f['jsonPath'] ?? '');
    if (!text) {
      causes.push(field.required(at));
      continue;
    }
    const keys = text.split('.').slice(1);
    let found: unknown = schema;
    for (const key of keys)
      found =
        isObject(found) && isObject(found['properties']) && Object.hasOwn(found['properties'], key) ? found['properties'][key] : undefined;
    if (!text.startsWith('.') || keys[0] === 'metadata' || !isObject(found))
      causes.push(field.invalid(at, text, 'is an invalid path: does not refer to a valid field'));
    else if (!['boolean', 'integer', 'string'].includes(found['type']))
      causes.push(
        field.invalid(
          at,
          text,
          'must point to a field of type boolean, integer, or string. Enum string fields and strings with formats are allowed.',
        ),
      );
    if (seen.has(text)) causes.push(field.duplicate(at, text));
    seen.add(text);
  }
  return causes;
}

function nameProblems(name: string, path: string, anyCase = false): Cause[] {
  return dns1035Label(anyCase ? name.toLowerCase() : name).map((problem) => field.invalid(path, name, problem));
}

const APPROVED = 'api-approved.kubernetes.io';

/** Groups of the Kubernetes community are for what it approved. */
function approvalProblems({ metadata, spec }: JsonObject): Cause[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec?.group ?? '')) return [];
  const approval: string = metadata.annotations?.[APPROVED] ?? '';
  const path = `metadata.annotations[${APPROVED}]`;
  if (!approval)
    return [
      field.required(
        path,
        `protected groups must have approval annotation "${APPROVED}", see https://github.com/kubernetes/enhancements/pull/1111`,
      ),
    ];
  if (approval.startsWith('unapproved') || URL.canParse(approval)) return [];
  return [
    field.invalid(
      path,
      approval,
      'protected groups must have approval annotation with either a URL or a reason starting with "unapproved"',
    ),
  ];
}

function conversionProblems({ strategy, webhook }: JsonObject): Cause[] {
  const at = 'spec.conversion';
  if (strategy !== 'Webhook')
    return [
      ...(strategy ? [] : [field.required(`${at}.strategy`)]),
      ...(strategy && strategy !== 'None' ? [field.notSupported(`${at}.strategy`, strategy, ['None', 'Webhook'])] : []),
      ...(webhook?.clientConfig
        ? [field.forbidden(`${at}.webhookClientConfig`, 'should not be set when strategy is not set to Webhook')]
        : []),
      ...(webhook?.conversionReviewVersions?.length
        ? [field.forbidden(`${at}.conversionReviewVersions`, 'should not be set when strategy is not set to Webhook')]
        : []),
    ];
  const causes: Cause[] = [];
  const client: JsonObject | undefined = webhook?.clientConfig;
  if (!client) causes.push(field.required(`${at}.webhookClientConfig`, 'required when strategy is set to Webhook'));
  else if (Boolean(client['url']) === Boolean(client['service']))
    causes.push(field.required(`${at}.webhookClientConfig`, 'exactly one of url or service is required'));
  if (!webhook?.conversionReviewVersions?.length) causes.push(field.required(`${at}.conversionReviewVersions`));
  return causes;
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function problems(crd: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const spec: JsonObject = crd['spec'] ?? {};
  const names: JsonObject = spec['names'] ?? {};
  if (!spec['group']) causes.push(field.required('spec.group'));
  else if (dnsSubdomain(spec['group']).length)
    causes.push(...dnsSubdomain(spec['group']).map((problem) => field.invalid('spec.group', spec['group'], problem)));
  else if (!spec['group'].includes('.'))
    causes.push(field.invalid('spec.group', spec['group'], 'should be a domain with at least one dot'));
  if (!['Namespaced', 'Cluster'].includes(spec['scope'])) {
    causes.push(spec['scope'] ? field.notSupported('spec.scope', spec['scope'], ['Cluster', 'Namespaced']) : field.required('spec.scope'));
  }
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if (!names[key]) causes.push(field.required(`spec.names.${key}`));
    else causes.push(...nameProblems(names[key], `spec.names.${key}`, key.toLowerCase().endsWith('kind')));
  }
  for (const key of ['shortNames', 'categories'] as const)
    for (const [i, name] of (names[key] ?? []).entries()) causes.push(...nameProblems(name, `spec.names.${key}[${i}]`));
  if (names['kind'] && names['kind'] === names['listKind'])
    causes.push(field.invalid('spec.names.listKind', names['listKind'], 'kind and listKind may not be the same'));
  causes.push(...approvalProblems(crd), ...conversionProblems(spec['conversion']));
  if (spec['preserveUnknownFields']) causes.push(field.invalid('spec.preserveUnknownFields', true, 'must be false'));
  const versions: JsonObject[] = spec['versions'] ?? [];
  const storage = versions.filter((v) => v['storage']).length;
  if (!crd['status']?.storedVersions?.length)
    causes.push(field.invalid('status.storedVersions', null, 'must have at least one stored version'));
  if (new Set(versions.map((v) => v['name'])).size < versions.length)
    causes.push(
      field.invalid(
        'spec.versions',
        versions.map((v) => v['name']),
        'must contain unique version names',
      ),
    );
  if (storage !== 1)
    causes.push(
      field.invalid(
        'spec.versions',
        versions.map((v) => v['name']),
        'must have exactly one version marked as storage version',
      ),
    );
  for (const [i, v] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    causes.push(...nameProblems(v['name'], `${path}.name`));
    if (v['deprecationWarning'] !== undefined && !v['deprecated'])
      causes.push(field.invalid(`${path}.deprecationWarning`, v['deprecationWarning'], 'can only be set for deprecated versions'));
    const schema: unknown = v['schema']?.openAPIV3Schema;
    // What all versions share Kubernetes tells of where the first version of its API had it.
    const isShared = (key: string): boolean => versions.every((o) => equal(o[key], v[key]));
    const where = (key: string): string => (isShared(key) ? `spec.${key}` : `${path}.${key}`);
    const shared = isShared('schema');
    const at = shared ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
    if (!isObject(schema)) causes.push(field.required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
    else if (!shared || i === 0) causes.push(...structuralProblems(schema, at));
    const first = (key: string): boolean => i === 0 || !isShared(key);
    for (const [j, c] of (first('additionalPrinterColumns') ? (v['additionalPrinterColumns'] ?? []) : []).entries()) {
      const at = `${where('additionalPrinterColumns')}[${j}]`;
      if (!c.name) causes.push(field.required(`${at}.name`));
      if (!c.type) causes.push(field.required(`${at}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
      else if (!COLUMN_TYPES.includes(c.type)) causes.push(field.invalid(`${at}.type`, c.type, `must be one of ${COLUMN_TYPES.join(',')}`));
      if (c.format && !COLUMN_FORMATS.includes(c.format))
        causes.push(field.invalid(`${at}.format`, c.format, `must be one of ${COLUMN_FORMATS.join(',')}`));
      // Its name in the first version of the API, too.
      const own = `${at}.${isShared('additionalPrinterColumns') ? 'JSONPath' : 'jsonPath'}`;
      if (!c.jsonPath) causes.push(field.required(own));
      else if (!jsonPath(c.jsonPath)) causes.push(field.invalid(own, c.jsonPath, 'must be a simple json path starting with .'));
    }
    if (first('selectableFields') && isObject(schema))
      causes.push(...selectableProblems(v['selectableFields'] ?? [], schema, where('selectableFields')));
    const scale: unknown = first('subresources') ? v['subresources']?.scale : undefined;
    if (isObject(scale)) {
      for (const [key, under] of [
        ['specReplicasPath', '.spec.'],
        ['statusReplicasPath', '.status.'],
      ] as const) {
        if (!scale[key]) causes.push(field.required(`${where('subresources')}.scale.${key}`));
        else if (!String(scale[key]).startsWith(under))
          causes.push(
            field.invalid(`${where('subresources')}.scale.${key}`, scale[key], `should be a json path under ${under.slice(0, -1)}`),
          );
      }
      const selector: unknown = scale['labelSelectorPath'];
      if (selector && !/^\.(spec|status)\./.test(String(selector)))
        causes.push(
          field.invalid(
            `${where('subresources')}.scale.labelSelectorPath`,
            selector,
            'should be a json path under either .spec or .status',
          ),
        );
    }
  }
  return causes;
}

const storedVersions = (crd: JsonObject): string[] =>
  (crd['spec'].versions ?? []).filter((v: JsonObject) => v['storage']).map((v: JsonObject) => v['name']);

/** How CustomResourceDefinitions are written; the definition is established at once, if it gets its names. */
export const crdStrategy: Strategy = {
  asCreated({ status, ...crd }) {
    return {
      ...crd,
      status: { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: status.storedVersions },
    };
  },
  freeFinalizers: true,
  emptied: {
    finalizer: CRD_FINALIZER,
    mark(crd, now) {
      const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon';
      const others = ((crd['status'].conditions ?? []) as JsonObject[]).filter((c) => c['type'] !== 'Terminating');
      const condition = { type: 'Terminating', status: 'True', lastTransitionTime: now, reason: 'InstanceDeletionPending', message };
      crd['status'] = { ...crd['status'], conditions: [...others, condition] };
    },
  },
  defaults(crd) {
    const spec: JsonObject = (crd['spec'] ??= {});
    for (const v of spec['versions'] ?? []) if (v.schema?.openAPIV3Schema !== undefined) checkKeywords(v.schema.openAPIV3Schema);
    spec['conversion'] ??= { strategy: 'None' };
    if (spec['conversion'].webhook?.clientConfig?.service) spec['conversion'].webhook.clientConfig.service.port ??= 443;
    const names: JsonObject = (spec['names'] ??= {});
    if (names['kind']) {
      names['singular'] ||= String(names['kind']).toLowerCase();
      names['listKind'] ||= `${names['kind']}List`;
    }
  },
  create(crd, { now, heads }) {
    crd['status'] = { storedVersions: storedVersions(crd) };
    settleNames(crd, heads(CRD_STORAGE), now);
  },
  update(crd, _old, { now, heads }) {
    const status: JsonObject = (crd['status'] = structuredClone(crd['status'] ?? {}));
    status['storedVersions'] = [...new Set([...(status['storedVersions'] ?? []), ...storedVersions(crd)])];
    settleNames(crd, heads(CRD_STORAGE), now);
  },
  prepare: loadRules,
  validate: problems,
  validateCreate({ metadata, spec }) {
    const wanted = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`;
    return metadata.name && metadata.name !== wanted
      ? [field.invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')]
      : [];
  },
  validateUpdate(crd, old) {
    const causes: Cause[] = [];
    const names = (crd['spec'].versions ?? []).map((v: JsonObject) => v['name']);
    for (const [i, stored] of (old['status']?.storedVersions ?? []).entries())
      if (!names.includes(stored))
        causes.push(
          field.invalid(
            `status.storedVersions[${i}]`,
            stored,
            'missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions'.replaceAll(
              'v1',
              stored,
            ),
          ),
        );
    for (const key of ['group', 'scope'] as const)
      if (crd['spec'][key] !== old['spec'][key]) causes.push(field.invalid(`spec.${key}`, crd['spec'][key], 'field is immutable'));
    for (const key of ['kind', 'plural'] as const) {
      if (crd['spec'].names[key] !== old['spec'].names[key])
        causes.push(field.invalid(`spec.names.${key}`, crd['spec'].names[key], 'field is immutable'));
    }
    return causes;
  },
};
