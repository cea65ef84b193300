import { randomUUID } from 'node:crypto';
import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { selects } from '../label-selector.ts';
import { labelKey } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { checked, numbers, oneOf, selectorProblems } from './checks.ts';
import { templateProblems } from './pod-spec.ts';
import { podWarnings } from './pod-warnings.ts';
import { fixedSelector, isChanged, template } from './workloads.ts';

function failureRuleProblems(rule: JsonObject, path: string, spec: JsonObject): Cause[] {
  const causes: Cause[] = [];
  if (!rule['action']) causes.push(field.required(`${path}.action`));
  else if (rule['action'] === 'FailIndex' && spec['backoffLimitPerIndex'] === undefined)
    causes.push(field.invalid(`${path}.action`, 'FailIndex', 'requires the backoffLimitPerIndex to be set'));
  else causes.push(...oneOf(rule['action'], `${path}.action`, ['Count', 'FailIndex', 'FailJob', 'Ignore']));
  const exit: JsonObject | undefined = rule['onExitCodes'];
  if (exit) {
    const at = `${path}.onExitCodes`;
    const values: number[] = exit['values'] ?? [];
    if (!exit['operator']) causes.push(field.required(`${at}.operator`));
    else causes.push(...oneOf(exit['operator'], `${at}.operator`, ['In', 'NotIn']));
    const containers = [...(spec['template'].spec.containers ?? []), ...(spec['template'].spec.initContainers ?? [])] as JsonObject[];
    if (exit['containerName'] !== undefined && !containers.some((c) => c['name'] === exit['containerName']))
      causes.push(
        field.invalid(
          `${at}.containerName`,
          exit['containerName'],
          'must be one of the container or initContainer names in the pod template',
        ),
      );
    if (!values.length) causes.push(field.invalid(`${at}.values`, values, 'at least one value is required'));
    if (values.length > 255) causes.push(field.tooMany(`${at}.values`, values.length, 255));
    for (const [i, v] of values.entries()) {
      if (v === 0 && exit['operator'] === 'In') causes.push(field.invalid(`${at}.values[${i}]`, v, 'must not be 0 for the In operator'));
      if (values.indexOf(v) < i) causes.push(field.duplicate(`${at}.values[${i}]`, v));
    }
    if (values.some((v, i) => i > 0 && v < values[i - 1]!)) causes.push(field.invalid(`${at}.values`, values, 'must be ordered'));
  }
  const conditions: JsonObject[] = rule['onPodConditions'] ?? [];
  for (const [i, c] of conditions.entries()) {
    const at = `${path}.onPodConditions[${i}]`;
    causes.push(...checked(c['type'], `${at}.type`, labelKey));
    if (!c['status']) causes.push(field.required(`${at}.status`));
    else causes.push(...oneOf(c['status'], `${at}.status`, ['False', 'True', 'Unknown']));
  }
  if (exit && conditions.length) causes.push(field.invalid(path, rule, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (!exit && !conditions.length) causes.push(field.invalid(path, rule, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return causes;
}

/** What is wrong with the spec of a job, also in a template. */
export function jobSpecProblems(spec: JsonObject, path: string): Cause[] {
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
  if (spec['maxFailedIndexes'] !== undefined) {
    if (spec['completionMode'] !== 'Indexed')
      causes.push(field.invalid(`${path}.maxFailedIndexes`, spec['maxFailedIndexes'], 'requires indexed completion mode'));
    if (spec['backoffLimitPerIndex'] === undefined)
      causes.push(field.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  const replacements = spec['podFailurePolicy'] ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  causes.push(...oneOf(spec['podReplacementPolicy'], `${path}.podReplacementPolicy`, replacements));
  for (const [i, rule] of (spec['podFailurePolicy']?.rules ?? []).entries())
    causes.push(...failureRuleProblems(rule, `${path}.podFailurePolicy.rules[${i}]`, spec));
  if (spec['successPolicy'] && spec['completionMode'] !== 'Indexed')
    causes.push(field.invalid(`${path}.successPolicy`, spec['successPolicy'], 'requires indexed completion mode'));
  else if (spec['successPolicy']) {
    const rules: JsonObject[] = spec['successPolicy'].rules ?? [];
    const at = `${path}.successPolicy.rules`;
    if (!rules.length) causes.push(field.required(at, 'at least one rules must be specified when the successPolicy is specified'));
    if (rules.length > 20) causes.push(field.tooMany(at, rules.length, 20));
    for (const [i, r] of rules.entries()) {
      if (r['succeededCount'] === undefined && r['succeededIndexes'] === undefined)
        causes.push(field.required(`${at}[${i}]`, 'at least one of succeededCount or succeededIndexes must be specified'));
      causes.push(...numbers.notNegative(r, `${at}[${i}]`, 'succeededCount'));
    }
  }
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

/** A condition that a policy only names has to hold. */
function conditionsHold(spec: JsonObject): void {
  for (const rule of spec['podFailurePolicy']?.rules ?? []) for (const c of rule.onPodConditions ?? []) c.status ||= 'True';
}

/** What is wrong with the spec of a job and its selector. */
function specProblems(spec: JsonObject): Cause[] {
  const labels: JsonObject | undefined = spec['template'].metadata.labels;
  const wrong = spec['selector'] ? selectorProblems(spec['selector'], 'spec.selector') : [field.required('spec.selector')];
  const causes = [...jobSpecProblems(spec, 'spec'), ...wrong];
  const unreadable = spec['selector'] && wrong.length;
  if (!unreadable && !(spec['selector'] && selects(spec['selector'], labels ?? {})))
    causes.push(field.invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'));
  return causes;
}

/** What is wrong with the labels that a job was given, and the selector that goes with them. */
function generatedProblems({ metadata, spec }: JsonObject): Cause[] {
  if (spec.manualSelector || !spec.selector) return [];
  const labels: JsonObject = spec.template.metadata.labels ?? {};
  const wanted: Record<string, string> = {
    'controller-uid': metadata.uid,
    'job-name': metadata.name,
    'batch.kubernetes.io/controller-uid': metadata.uid,
    'batch.kubernetes.io/job-name': metadata.name,
  };
  const causes = Object.entries(wanted).flatMap(([key, value]) => {
    if (labels[key] === value) return [];
    const at = 'spec.template.metadata.labels';
    return [
      labels[key] === undefined
        ? field.required(`${at}[${key}]`, `must be '${value}'`)
        : field.invalid(`${at}[${key}]`, labels[key], `must be '${value}'`),
    ];
  });
  if (!selectorProblems(spec.selector, '').length && !selects(spec.selector, wanted))
    causes.push(field.invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  return causes;
}

function indexProblems(text: string): Cause[] {
  const wrong = text && text.split(/[,-]/).find((part) => !/^\d+$/.test(part));
  if (!wrong) return [];
  const why = `error parsing completedIndexes: cannot convert string to integer for index: ${JSON.stringify(wrong)}`;
  return [field.invalid('status.completedIndexes', text, why)];
}

export const job: Strategy = {
  warnings: (object, old) => (isChanged(object, old) ? podWarnings(object['spec'].template, 'spec.template') : []),
  validateStatus: ({ spec = {}, status = {} }) => [
    ...numbers.notNegative(status, 'status', 'active', 'succeeded', 'failed', 'ready', 'terminating'),
    ...(status.failedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [field.invalid('status.failedIndexes', status.failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')]
      : []),
    ...indexProblems(status.completedIndexes ?? ''),
    ...(status.completedIndexes && spec.completionMode !== 'Indexed'
      ? [
          field.invalid(
            'status.completedIndexes',
            status.completedIndexes,
            'cannot set non-empty completedIndexes when non-indexed completion mode',
          ),
        ]
      : []),
  ],
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    template(spec);
    const { labels } = spec['template'].metadata;
    if (labels) object['metadata'].labels ??= labels;
    if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
    spec['parallelism'] ??= 1;
    spec['backoffLimit'] ??= spec['backoffLimitPerIndex'] === undefined ? 6 : 2 ** 31 - 1;
    spec['completionMode'] ??= 'NonIndexed';
    spec['suspend'] ??= false;
    spec['manualSelector'] ??= false;
    conditionsHold(spec);
    spec['podReplacementPolicy'] ??= spec['podFailurePolicy'] ? 'Failed' : 'TerminatingOrFailed';
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
  validate: (object) => [...generatedProblems(object), ...specProblems(object['spec'])],
  validateUpdate(object, old) {
    // The spec once more.
    const causes = [...specProblems(object['spec']), ...fixedSelector(object, old)];
    const suspended = old['spec'].suspend === true && old['status']?.startTime === undefined;
    for (const key of [
      'completions',
      'template',
      'completionMode',
      'podFailurePolicy',
      'backoffLimitPerIndex',
      'managedBy',
      'successPolicy',
    ]) {
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

export const cronJob: Strategy = {
  warnings: ({ spec }) => podWarnings(spec.jobTemplate.spec.template, 'spec.jobTemplate.spec.template'),
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['concurrencyPolicy'] ||= 'Allow';
    spec['suspend'] ??= false;
    spec['successfulJobsHistoryLimit'] ??= 3;
    spec['failedJobsHistoryLimit'] ??= 1;
    const inner: JsonObject = ((spec['jobTemplate'] ??= {}).spec ??= {});
    spec['jobTemplate'].metadata ??= {};
    template(inner);
    conditionsHold(inner);
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
    const inner: JsonObject = spec['jobTemplate'].spec;
    if (inner['selector'])
      causes.push(field.invalid('spec.jobTemplate.spec.selector', inner['selector'], '`selector` will be auto-generated'));
    if (inner['manualSelector']) causes.push(field.notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']));
    causes.push(
      ...numbers.notNegative(spec, 'spec', 'startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit'),
      ...oneOf(spec['concurrencyPolicy'], 'spec.concurrencyPolicy', ['Allow', 'Forbid', 'Replace']),
      ...jobSpecProblems(inner, 'spec.jobTemplate.spec'),
    );
    return causes;
  },
};
