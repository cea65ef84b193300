import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { randomUUID } from 'node:crypto';
import { selects } from '../label-selector.ts';
import type { Strategy } from '../resource.ts';
import { intOrPercent, isZero, numbers, oneOf, overWhole, selectorProblems } from './checks.ts';
import { podSpecDefaults, templateProblems } from './pod-spec.ts';
import { claimDefaults } from './storage.ts';

function template(spec: JsonObject): void {
  const t: JsonObject = (spec['template'] ??= {});
  t['metadata'] ??= {};
  t['spec'] ??= {};
  podSpecDefaults(t['spec']);
}

function problems(object: JsonObject, claims: readonly string[] = []): Cause[] {
  const spec: JsonObject = object['spec'];
  const kind = String(object['kind']);
  const { selector } = spec;
  const causes = numbers.notNegative(spec, 'spec', 'replicas', 'minReadySeconds', 'revisionHistoryLimit');
  if (!selector) {
    if (kind !== 'DaemonSet') causes.push(field.required('spec.selector'));
  } else {
    causes.push(...selectorProblems(selector, 'spec.selector'));
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
  causes.push(...templateProblems(spec['template'], 'spec.template', ['Always'], claims));
  if (spec['template'].spec.activeDeadlineSeconds !== undefined)
    causes.push(
      field.forbidden(
        'spec.template.spec.activeDeadlineSeconds',
        `activeDeadlineSeconds in ${kind === 'Deployment' ? 'ReplicaSet' : kind} is not Supported`,
      ),
    );
  return causes;
}

/** What is wrong with the counts of a status: none may be negative, and none of `parts` greater than `of`. */
const countProblems =
  (of: string, ...parts: string[]): Required<Strategy>['validateStatus'] =>
  ({ status = {} }) => {
    const causes = numbers.notNegative(status, 'status', of, ...parts, 'observedGeneration', 'unavailableReplicas', 'collisionCount');
    for (const part of parts)
      if ((status[part] ?? 0) > (status[of] ?? 0))
        causes.push(field.invalid(`status.${part}`, status[part], `cannot be greater than status.${of}`));
    if ((status['availableReplicas'] ?? 0) > (status['readyReplicas'] ?? 0))
      causes.push(field.invalid('status.availableReplicas', status['availableReplicas'], 'cannot be greater than readyReplicas'));
    return causes;
  };

const fixedSelector = (object: JsonObject, old: JsonObject): Cause[] =>
  equal(object['spec'].selector, old['spec'].selector)
    ? []
    : [field.invalid('spec.selector', object['spec'].selector, 'field is immutable')];

export const deployment: Strategy = {
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
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    if (spec['template']) template(spec);
    spec['replicas'] ??= 1;
  },
  validate: (object) => problems(object),
  validateUpdate: fixedSelector,
  validateStatus: countProblems('replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
  fields: ({ status = {} }) => ({ 'status.replicas': String(status.replicas ?? 0) }),
};

export const replicationController: Strategy = {
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
    return [...causes, ...templateProblems(spec.template, 'spec.template', ['Always'])];
  },
  validateStatus: countProblems('replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'),
  fields: ({ status = {} }) => ({ 'status.replicas': String(status.replicas ?? 0) }),
  orphans: true,
};

export const podTemplate: Strategy = {
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

export const statefulSet: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    spec['podManagementPolicy'] ||= 'OrderedReady';
    const strategy: JsonObject = (spec['updateStrategy'] ??= {});
    strategy['type'] ||= 'RollingUpdate';
    if (strategy['type'] === 'RollingUpdate') (strategy['rollingUpdate'] ??= {}).partition ??= 0;
    spec['persistentVolumeClaimRetentionPolicy'] = {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
      ...spec['persistentVolumeClaimRetentionPolicy'],
    };
    spec['replicas'] ??= 1;
    spec['revisionHistoryLimit'] ??= 10;
    for (const claim of spec['volumeClaimTemplates'] ?? []) {
      claim.kind ??= 'PersistentVolumeClaim';
      claim.apiVersion ??= 'v1';
      claimDefaults(claim);
      (claim.status ??= {}).phase ||= 'Pending';
    }
  },
  validate(object) {
    const spec: JsonObject = object['spec'];
    const claims = ((spec['volumeClaimTemplates'] ?? []) as JsonObject[]).map((c) => String(c['metadata']?.name ?? ''));
    const causes = problems(object, claims);
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
    const unavailable: unknown = strategy['rollingUpdate']?.maxUnavailable;
    if (unavailable !== undefined) {
      const at = 'spec.updateStrategy.rollingUpdate.maxUnavailable';
      causes.push(...intOrPercent(unavailable, at), ...overWhole(unavailable, at));
      if (isZero(unavailable)) causes.push(field.invalid(at, unavailable, 'cannot be 0'));
    }
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
  validateStatus: countProblems('replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'),
};

export const daemonSet: Strategy = {
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
  },
  create(object) {
    object['metadata'].annotations = { ...object['metadata'].annotations, 'deprecated.daemonset.template.generation': '1' };
  },
  update(object, old) {
    if (!equal(object['spec'].template, old['spec'].template)) {
      const key = 'deprecated.daemonset.template.generation';
      const before = Number(old['metadata'].annotations?.[key] ?? 0);
      object['metadata'].annotations = { ...object['metadata'].annotations, [key]: String(before + 1) };
    }
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
};

function jobSpecProblems(spec: JsonObject, path: string): Cause[] {
  const causes = numbers.notNegative(
    spec,
    path,
    'parallelism',
    'completions',
    'backoffLimit',
    'activeDeadlineSeconds',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  );
  causes.push(...oneOf(spec['completionMode'], `${path}.completionMode`, ['Indexed', 'NonIndexed']));
  if (spec['completionMode'] === 'Indexed' && spec['completions'] === undefined)
    causes.push(field.required(`${path}.completions`, 'when completion mode is Indexed'));
  if (spec['completionMode'] !== 'Indexed' && spec['backoffLimitPerIndex'] !== undefined)
    causes.push(field.invalid(`${path}.backoffLimitPerIndex`, spec['backoffLimitPerIndex'], 'requires indexed completion mode'));
  causes.push(...oneOf(spec['podReplacementPolicy'], `${path}.podReplacementPolicy`, ['Failed', 'TerminatingOrFailed']));
  for (const [i, rule] of (spec['podFailurePolicy']?.rules ?? []).entries()) {
    const at = `${path}.podFailurePolicy.rules[${i}]`;
    if (!rule.action) causes.push(field.required(`${at}.action`));
    else causes.push(...oneOf(rule.action, `${at}.action`, ['Count', 'FailIndex', 'FailJob', 'Ignore']));
    if (Boolean(rule.onExitCodes) === Boolean(rule.onPodConditions?.length))
      causes.push(field.invalid(at, rule, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  if (spec['successPolicy'] && spec['completionMode'] !== 'Indexed')
    causes.push(field.invalid(`${path}.successPolicy`, spec['successPolicy'], 'requires indexed completion mode'));
  if (spec['managedBy'] !== undefined && !/^[^/]+\/.+$/.test(spec['managedBy']))
    causes.push(field.invalid(`${path}.managedBy`, spec['managedBy'], 'must be a domain-prefixed path (such as "acme.io/foo")'));
  if (spec['podFailurePolicy'] && spec['template'].spec.restartPolicy !== 'Never')
    causes.push(
      field.invalid(
        `${path}.template.spec.restartPolicy`,
        spec['template'].spec.restartPolicy,
        'only "Never" is supported when podFailurePolicy is specified',
      ),
    );
  causes.push(...templateProblems(spec['template'], `${path}.template`, ['OnFailure', 'Never']));
  return causes;
}

const CRON_MACROS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const CRON_FIELDS: [first: number, last: number, names: string[]][] = [
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']],
  [0, 6, ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']],
];

/** What is wrong with a schedule in cron's five fields (https://en.wikipedia.org/wiki/Cron). */
function cronProblem(schedule: string): string | undefined {
  if (CRON_MACROS.includes(schedule) || /^@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(schedule)) return undefined;
  if (schedule.startsWith('@')) return `unrecognized descriptor: ${schedule}`;
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== 5) return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [i, part] of parts.entries()) {
    const [first, last, names] = CRON_FIELDS[i]!;
    for (const item of part.split(',')) {
      const found = /^(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d+))?$/i.exec(item);
      if (!found) return `failed to parse int from ${item}`;
      for (const end of [found[1]!, found[2]]) {
        if (end === undefined || end === '*' || end === '?') continue;
        const named = names.indexOf(end.toLowerCase());
        const n = named >= 0 ? named + first : /^\d+$/.test(end) ? Number(end) : Number.NaN;
        if (Number.isNaN(n)) return `failed to parse int from ${end}: strconv.Atoi: parsing ${JSON.stringify(end)}: invalid syntax`;
        if (n < first) return `beginning of range (${n}) below minimum (${first}): ${item}`;
        if (n > last) return `end of range (${n}) above maximum (${last}): ${item}`;
      }
      if (found[3] === '0') return `step of range should be a positive number: ${item}`;
    }
  }
  return undefined;
}

export const job: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    const { labels } = spec['template'].metadata;
    if (labels) object['metadata'].labels ??= labels;
    if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
    spec['parallelism'] ??= 1;
    spec['backoffLimit'] ??= spec['backoffLimitPerIndex'] === undefined ? 6 : 2 ** 31 - 1;
    spec['completionMode'] ||= 'NonIndexed';
    spec['suspend'] ??= false;
    spec['manualSelector'] ??= false;
    spec['podReplacementPolicy'] ||= spec['podFailurePolicy'] ? 'Failed' : 'TerminatingOrFailed';
  },
  create(object) {
    const spec: JsonObject = object['spec'];
    if (spec['manualSelector']) return;
    // Made here rather than by the caller, so that no two jobs ever select the same pods.
    const uid: string = object['metadata'].uid ?? randomUUID();
    const name: string = object['metadata'].name ?? '';
    const meta: JsonObject = spec['template'].metadata;
    meta['labels'] = {
      ...meta['labels'],
      'batch.kubernetes.io/controller-uid': uid,
      'batch.kubernetes.io/job-name': name,
      'controller-uid': uid,
      'job-name': name,
    };
    // The labels of the template are those of a job that has none.
    object['metadata'].labels ??= meta['labels'];
    spec['selector'] = { matchLabels: { ...spec['selector']?.matchLabels, 'batch.kubernetes.io/controller-uid': uid } };
  },
  validate({ spec }) {
    const causes = jobSpecProblems(spec, 'spec');
    const labels: JsonObject = spec.template.metadata.labels ?? {};
    if (!spec.selector) causes.push(field.required('spec.selector'));
    else if (!selects(spec.selector, labels))
      causes.push(field.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
    return causes;
  },
  validateUpdate(object, old) {
    const causes = fixedSelector(object, old);
    const suspended = old['spec'].suspend === true && old['status']?.startTime === undefined;
    for (const key of ['completions', 'template', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy']) {
      if (equal(object['spec'][key], old['spec'][key]) || (key === 'template' && suspended)) continue;
      // Indexed jobs are elastic: completions may follow parallelism.
      if (key === 'completions' && object['spec'].completionMode === 'Indexed' && object['spec'].completions === object['spec'].parallelism)
        continue;
      causes.push(field.invalid(`spec.${key}`, object['spec'][key] ?? null, 'field is immutable'));
    }
    return causes;
  },
  orphans: 'loudly',
  fields: ({ status = {} }) => ({ 'status.successful': String(status.succeeded ?? 0) }),
};

export const cronJob: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['concurrencyPolicy'] ||= 'Allow';
    spec['suspend'] ??= false;
    spec['successfulJobsHistoryLimit'] ??= 3;
    spec['failedJobsHistoryLimit'] ??= 1;
    const inner: JsonObject = ((spec['jobTemplate'] ??= {}).spec ??= {});
    spec['jobTemplate'].metadata ??= {};
    template(inner);
  },
  validate(object) {
    const spec: JsonObject = object['spec'];
    const causes: Cause[] = [];
    if ((object['metadata'].name?.length ?? 0) > 52)
      causes.push(field.invalid('metadata.name', object['metadata'].name, 'must be no more than 52 characters'));
    if (!spec['schedule']) causes.push(field.required('spec.schedule'));
    else {
      const problem = spec['schedule'].includes('TZ')
        ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
        : cronProblem(spec['schedule']);
      if (problem) causes.push(field.invalid('spec.schedule', spec['schedule'], problem));
    }
    if (spec['timeZone'] !== undefined) {
      try {
        if (/^(|local)$/i.test(spec['timeZone'])) throw new RangeError();
        void new Intl.DateTimeFormat('en', { timeZone: spec['timeZone'] });
      } catch {
        causes.push(
          field.invalid(
            'spec.timeZone',
            spec['timeZone'],
            spec['timeZone'] === '' ? 'timeZone must be nil or non-empty string' : `unknown time zone ${spec['timeZone']}`,
          ),
        );
      }
    }
    causes.push(
      ...numbers.notNegative(spec, 'spec', 'startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
      ...oneOf(spec['concurrencyPolicy'], 'spec.concurrencyPolicy', ['Allow', 'Forbid', 'Replace']),
      ...jobSpecProblems(spec['jobTemplate'].spec, 'spec.jobTemplate.spec'),
    );
    return causes;
  },
};
