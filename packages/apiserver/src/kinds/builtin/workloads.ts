import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { selects } from '../label-selector.ts';
import type { Strategy } from '../resource.ts';
import { dnsLabel } from '../names.ts';
import { intOrPercent, isZero, named, numbers, oneOf, overWhole, selectorProblems } from './checks.ts';
import { podSpecDefaults, templateProblems } from './pod-spec.ts';
import { claimWarnings, podWarnings } from './pod-warnings.ts';
import { claimDefaults, claimSpecProblems } from './storage.ts';

/** Fills in the template of pods that a spec has. */
export function template(spec: JsonObject): void {
  const t: JsonObject = (spec['template'] ??= {});
  t['metadata'] ??= {};
  t['spec'] ??= {};
  podSpecDefaults(t['spec']);
}

function problems(object: JsonObject, pods: JsonObject = object['spec'].template): Cause[] {
  const spec: JsonObject = object['spec'];
  const kind = String(object['kind']);
  const { selector } = spec;
  const causes = numbers.notNegative(spec, 'spec', 'replicas', 'minReadySeconds');
  if (kind !== 'StatefulSet') causes.push(...numbers.notNegative(spec, 'spec', 'revisionHistoryLimit'));
  if (!selector) {
    if (kind !== 'DaemonSet') causes.push(field.required('spec.selector'));
  } else {
    const wrong = selectorProblems(selector, 'spec.selector');
    causes.push(...wrong);
    // Whose selector cannot be read is not looked at further, but for daemon sets.
    if (wrong.length) {
      if (kind === 'DaemonSet') return [...causes, ...ownTemplateProblems(kind, pods)];
      return [
        ...causes,
        field.invalid('spec.selector', selector, kind === 'StatefulSet' ? '' : 'invalid label selector'),
        ...deadline(kind, pods),
      ];
    }
    if (!Object.keys(selector).length)
      causes.push(field.invalid('spec.selector', selector, `empty selector is invalid for ${kind.toLowerCase()}`));
  }
  // No selector selects nothing, an empty one everything.
  if (!selector || !selects(selector, spec['template'].metadata.labels ?? {})) {
    causes.push(
      field.invalid(
        'spec.template.metadata.labels',
        spec['template'].metadata.labels ?? null,
        '`selector` does not match template `labels`',
      ),
    );
  }
  return [...causes, ...ownTemplateProblems(kind, pods)];
}

const ownTemplateProblems = (kind: string, pods: JsonObject): Cause[] => [
  ...templateProblems(pods, 'spec.template', ['Always']),
  ...deadline(kind, pods),
];

/** Only pods that end have a deadline. */
const deadline = (kind: string, pods: JsonObject): Cause[] =>
  pods['spec'].activeDeadlineSeconds === undefined
    ? []
    : [
        field.forbidden(
          'spec.template.spec.activeDeadlineSeconds',
          `activeDeadlineSeconds in ${kind === 'Deployment' ? 'ReplicaSet' : kind} is not Supported`,
        ),
      ];

/** What is wrong with the counts of a status: none may be negative, and none of `parts` greater than `of`. */
const countProblems =
  (of: string, ...parts: string[]): Required<Strategy>['validateStatus'] =>
  ({ status = {} }) => {
    const causes = numbers.notNegative(status, 'status', of, ...parts, 'observedGeneration', 'unavailableReplicas', 'collisionCount');
    for (const part of parts)
      if ((status[part] ?? 0) > (status[of] ?? 0))
        causes.push(field.invalid(`status.${part}`, status[part] ?? 0, `cannot be greater than status.${of}`));
    if ((status['availableReplicas'] ?? 0) > (status['readyReplicas'] ?? 0))
      causes.push(field.invalid('status.availableReplicas', status['availableReplicas'], 'cannot be greater than readyReplicas'));
    return causes;
  };

/** Whether an object is new, or its spec written otherwise than it was. */
export const isChanged = (object: JsonObject, old: JsonObject | undefined): boolean =>
  !old || object['metadata'].generation !== old['metadata'].generation;

const templateWarnings: Required<Strategy>['warnings'] = (object, old) =>
  object['spec'].template && isChanged(object, old) ? podWarnings(object['spec'].template, 'spec.template') : [];

export const fixedSelector = (object: JsonObject, old: JsonObject): Cause[] =>
  equal(object['spec'].selector, old['spec'].selector)
    ? []
    : [field.invalid('spec.selector', object['spec'].selector, 'field is immutable')];

export const deployment: Strategy = {
  warnings: templateWarnings,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    spec['replicas'] ??= 1;
    const strategy: JsonObject = (spec['strategy'] ??= {});
    strategy['type'] ||= 'RollingUpdate';
    if (strategy['type'] === 'RollingUpdate') {
      const rolling: JsonObject = (strategy['rollingUpdate'] ??= {});
      rolling['maxUnavailable'] ??= '25%';
      rolling['maxSurge'] ??= '25%';
    }
    spec['revisionHistoryLimit'] ??= 10;
    spec['progressDeadlineSeconds'] ??= 600;
  },
  validate(object) {
    const strategy: JsonObject = object['spec'].strategy;
    const causes = problems(object);
    if (strategy['type'] === 'Recreate' && strategy['rollingUpdate'])
      causes.push(field.forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"));
    causes.push(...oneOf(strategy['type'], 'spec.strategy', ['Recreate', 'RollingUpdate']));
    if (strategy['type'] === 'RollingUpdate') {
      const { maxUnavailable, maxSurge } = strategy['rollingUpdate'];
      const at = 'spec.strategy.rollingUpdate';
      causes.push(...intOrPercent(maxUnavailable, `${at}.maxUnavailable`), ...intOrPercent(maxSurge, `${at}.maxSurge`));
      if (isZero(maxUnavailable) && isZero(maxSurge))
        causes.push(field.invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
      causes.push(...overWhole(maxUnavailable, `${at}.maxUnavailable`));
    }
    const { progressDeadlineSeconds, minReadySeconds = 0 } = object['spec'];
    causes.push(...numbers.notNegative(object['spec'], 'spec', 'progressDeadlineSeconds'));
    if (progressDeadlineSeconds <= minReadySeconds)
      causes.push(field.invalid('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'));
    return causes;
  },
  validateUpdate: fixedSelector,
  validateStatus: countProblems('replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'),
};

export const replicaSet: Strategy = {
  warnings: templateWarnings,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    if (spec['template']) template(spec);
    spec['replicas'] ??= 1;
  },
  validate: (object) => problems(object),
  validateUpdate: fixedSelector,
  validateStatus: countProblems('replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
};

export const replicationController: Strategy = {
  warnings: templateWarnings,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    if (spec['template']) {
      template(spec);
      const { labels } = spec['template'].metadata;
      spec['selector'] ??= labels;
      if (labels) object['metadata'].labels ??= labels;
    }
    spec['replicas'] ??= 1;
  },
  validate({ spec }) {
    const causes = numbers.notNegative(spec, 'spec', 'replicas', 'minReadySeconds');
    if (!spec.selector) causes.push(field.required('spec.selector'));
    if (!spec.template) return [...causes, field.required('spec.template')];
    const labels: JsonObject = spec.template.metadata.labels ?? {};
    if (!selects({ matchLabels: spec.selector }, labels))
      causes.push(field.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
    return [...causes, ...ownTemplateProblems('ReplicationController', spec.template)];
  },
  validateStatus: countProblems('replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
  fields: ({ status = {} }) => ({ 'status.replicas': String(status.replicas ?? 0) }),
  orphans: true,
};

export const podTemplate: Strategy = {
  warnings: ({ template: pods }) => podWarnings(pods, 'template'),
  defaults(object) {
    template(object);
  },
  validate: (object) => templateProblems(object['template'], 'template'),
};

export const controllerRevision: Strategy = {
  validate: (object) => [
    ...(object['data'] ? [] : [field.required('data', 'data is mandatory')]),
    ...(object['revision'] < 0 ? [field.invalid('revision', object['revision'], 'must be greater than or equal to 0')] : []),
  ],
  validateUpdate: (object, old) =>
    equal(object['data'], old['data']) ? [] : [field.invalid('data', object['data'], 'field is immutable')],
};

/** The template with the volumes that claims become, before its own. */
function withClaims(pods: JsonObject, claims: readonly JsonObject[]): JsonObject {
  if (!claims.length) return pods;
  const names = [...new Set(claims.map((c) => String(c['metadata']?.name ?? '')))];
  const own = ((pods['spec'].volumes ?? []) as JsonObject[]).filter((v) => !names.includes(v['name']));
  const volumes = [...names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })), ...own];
  // Each pod has a host name of its own.
  return { ...pods, spec: { ...pods['spec'], volumes, hostname: undefined, subdomain: undefined } };
}

export const statefulSet: Strategy = {
  warnings: (object, old) => [
    ...templateWarnings(object, old),
    ...((object['spec'].volumeClaimTemplates ?? []) as JsonObject[]).flatMap((claim, n) =>
      claimWarnings(claim['spec'] ?? {}, `spec.volumeClaimTemplates[${n}]${old ? '.Spec' : ''}`),
    ),
    ...(object['spec'].revisionHistoryLimit < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
  name: dnsLabel,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    spec['podManagementPolicy'] ||= 'OrderedReady';
    const strategy: JsonObject = (spec['updateStrategy'] ??= {});
    if (!strategy['type']) {
      strategy['type'] = 'RollingUpdate';
      strategy['rollingUpdate'] ??= {};
    }
    if (strategy['rollingUpdate']) {
      if (strategy['type'] === 'RollingUpdate') strategy['rollingUpdate'].partition ??= 0;
      // Of a feature that is off.
      delete strategy['rollingUpdate'].maxUnavailable;
    }
    spec['persistentVolumeClaimRetentionPolicy'] = {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
      ...spec['persistentVolumeClaimRetentionPolicy'],
    };
    spec['replicas'] ??= 1;
    spec['revisionHistoryLimit'] ??= 10;
    for (const claim of spec['volumeClaimTemplates'] ?? []) {
      claim.kind = 'PersistentVolumeClaim';
      claim.apiVersion = 'v1';
      claimDefaults(claim);
      (claim.status ??= {}).phase ||= 'Pending';
    }
  },
  validate(object) {
    const spec: JsonObject = object['spec'];
    const claims: JsonObject[] = spec['volumeClaimTemplates'] ?? [];
    const causes = problems(object, withClaims(spec['template'], claims));
    if (!['OrderedReady', 'Parallel'].includes(spec['podManagementPolicy']))
      causes.push(field.invalid('spec.podManagementPolicy', spec['podManagementPolicy'], "must be 'OrderedReady' or 'Parallel'"));
    const strategy: JsonObject = spec['updateStrategy'];
    if (!['OnDelete', 'RollingUpdate'].includes(strategy['type']))
      causes.push(field.invalid('spec.updateStrategy', strategy, "must be 'RollingUpdate' or 'OnDelete'"));
    if (strategy['type'] === 'OnDelete' && strategy['rollingUpdate'])
      causes.push(
        field.invalid('spec.updateStrategy.rollingUpdate', strategy['rollingUpdate'], "only allowed for updateStrategy 'RollingUpdate'"),
      );
    causes.push(...numbers.notNegative(strategy['rollingUpdate'], 'spec.updateStrategy.rollingUpdate', 'partition'));
    causes.push(...numbers.notNegative(spec['ordinals'], 'spec.ordinals', 'start'));
    for (const key of ['whenDeleted', 'whenScaled'])
      causes.push(
        ...oneOf(spec['persistentVolumeClaimRetentionPolicy'][key], `spec.persistentVolumeClaimRetentionPolicy.${key}`, [
          'Delete',
          'Retain',
        ]),
      );
    return causes;
  },
  validateUpdate(object, old) {
    const fixed = (o: JsonObject): JsonObject => {
      const {
        replicas: _r,
        template: _t,
        updateStrategy: _u,
        persistentVolumeClaimRetentionPolicy: _p,
        minReadySeconds: _m,
        ordinals: _o,
        revisionHistoryLimit: _h,
        ...rest
      } = o['spec'];
      return rest;
    };
    return equal(fixed(object), fixed(old))
      ? []
      : [
          field.forbidden(
            'spec',
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
          ),
        ];
  },
  validateCreate: ({ spec }) => [
    ...named(spec.serviceName, 'spec.serviceName', dnsLabel),
    ...((spec.volumeClaimTemplates ?? []) as JsonObject[]).flatMap((c, i) =>
      claimSpecProblems(c['spec'] ?? {}, `spec.volumeClaimTemplates[${i}].spec`),
    ),
  ],
  validateStatus: countProblems('replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'),
};

const GENERATION = 'deprecated.daemonset.template.generation';
/** An older count of changes of the template, which Kubernetes keeps as an annotation. */
const generation = ({ metadata }: JsonObject, count: unknown): void => {
  metadata.annotations = { ...metadata.annotations, [GENERATION]: String(count) };
};

export const daemonSet: Strategy = {
  warnings: templateWarnings,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    const strategy: JsonObject = (spec['updateStrategy'] ??= {});
    strategy['type'] ||= 'RollingUpdate';
    if (strategy['type'] === 'RollingUpdate') {
      const rolling: JsonObject = (strategy['rollingUpdate'] ??= {});
      rolling['maxUnavailable'] ??= 1;
      rolling['maxSurge'] ??= 0;
    }
    spec['revisionHistoryLimit'] ??= 10;
    generation(object, object['metadata'].annotations?.[GENERATION] ?? 0);
  },
  create: (object) => generation(object, 1),
  update(object, old) {
    const before = Number(old['metadata'].annotations?.[GENERATION] ?? 0);
    generation(object, equal(object['spec'].template, old['spec'].template) ? before : before + 1);
  },
  validate(object) {
    const causes = problems(object);
    const strategy: JsonObject = object['spec'].updateStrategy;
    causes.push(...oneOf(strategy['type'], 'spec.updateStrategy', ['OnDelete', 'RollingUpdate']));
    if (strategy['type'] === 'RollingUpdate') {
      const { maxUnavailable, maxSurge } = strategy['rollingUpdate'];
      const at = 'spec.updateStrategy.rollingUpdate';
      causes.push(...intOrPercent(maxUnavailable, `${at}.maxUnavailable`), ...overWhole(maxUnavailable, `${at}.maxUnavailable`));
      causes.push(...intOrPercent(maxSurge, `${at}.maxSurge`), ...overWhole(maxSurge, `${at}.maxSurge`));
      if (!isZero(maxUnavailable) && !isZero(maxSurge))
        causes.push(field.invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
      if (isZero(maxUnavailable) && isZero(maxSurge)) causes.push(field.required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
    }
    return causes;
  },
  validateUpdate: fixedSelector,
  validateStatus: ({ status = {} }) =>
    numbers.notNegative(
      status,
      'status',
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ),
};
