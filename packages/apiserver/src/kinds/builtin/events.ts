import { field, type Cause } from '../../http/errors.ts';
import { fillIn } from '../../schema/go-fields.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsSubdomain, labelKey, pathSegment } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { checked } from './checks.ts';

/* Events are one kind under two names of its fields: core's, by which they are kept, and those of events.k8s.io. */

const NAMES: [core: string, newer: string][] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];
const NEWER = new Map(NAMES);
const CORE = new Map(NAMES.map(([core, newer]) => [newer, core]));

const renamed = (event: JsonObject, names: ReadonlyMap<string, string>): JsonObject =>
  Object.fromEntries(Object.entries(event).map(([key, value]) => [names.get(key) ?? key, value]));

function toCore(event: JsonObject): JsonObject {
  const core = renamed(event, CORE);
  fillIn('core.v1.Event', core);
  return core;
}

function toNewer(event: JsonObject): JsonObject {
  const newer = renamed(event, NEWER);
  for (const key of ['reportingController', 'reportingInstance']) if (newer[key] === '') delete newer[key];
  return newer;
}

function fieldsOf(object: JsonObject): Record<string, string> {
  const about: JsonObject = object['involvedObject'] ?? {};
  return {
    'involvedObject.kind': about['kind'] ?? '',
    'involvedObject.namespace': about['namespace'] ?? '',
    'involvedObject.name': about['name'] ?? '',
    'involvedObject.uid': about['uid'] ?? '',
    'involvedObject.apiVersion': about['apiVersion'] ?? '',
    'involvedObject.resourceVersion': about['resourceVersion'] ?? '',
    'involvedObject.fieldPath': about['fieldPath'] ?? '',
    reason: object['reason'] ?? '',
    reportingComponent: object['reportingComponent'] ?? '',
    source: object['source']?.component || object['reportingComponent'] || '',
    type: object['type'] ?? '',
  };
}

function newerFields(object: JsonObject): Record<string, string> {
  const about: JsonObject = object['regarding'] ?? {};
  return {
    'regarding.kind': about['kind'] ?? '',
    'regarding.namespace': about['namespace'] ?? '',
    'regarding.name': about['name'] ?? '',
    'regarding.uid': about['uid'] ?? '',
    'regarding.apiVersion': about['apiVersion'] ?? '',
    'regarding.resourceVersion': about['resourceVersion'] ?? '',
    'regarding.fieldPath': about['fieldPath'] ?? '',
    reason: object['reason'] ?? '',
    reportingController: object['reportingController'] ?? '',
    type: object['type'] ?? '',
  };
}

/** What both groups select a kept event by. */
function bothFields(kept: JsonObject): Record<string, string> {
  return { ...newerFields(toNewer(kept)), ...fieldsOf(kept) };
}

/** Checks of an event as the two groups name its fields. */
function baseProblems(e: JsonObject, about: 'involvedObject' | 'regarding', reporter: string): Cause[] {
  const causes: Cause[] = [];
  const { namespace } = e['metadata'];
  const of: string = e[about]?.namespace ?? '';
  if (e['eventTime'] === null) {
    if (of ? of !== namespace : namespace !== 'default')
      causes.push(field.invalid('involvedObject.namespace', of, 'does not match event.namespace'));
  } else {
    if (!of && !['default', 'kube-system'].includes(namespace))
      causes.push(field.invalid('involvedObject.namespace', of, 'does not match event.namespace'));
    if (!e[reporter]) causes.push(field.required(reporter));
    causes.push(...checked(e[reporter], reporter, labelKey));
    for (const key of ['reportingInstance', 'action', 'reason']) {
      if (!e[key]) causes.push(field.required(key));
      if (e[key]?.length > 128) causes.push(field.invalid(key, '', 'can have at most 128 characters'));
    }
    if ((e['message'] ?? e['note'] ?? '').length > 1024) causes.push(field.invalid('message', '', 'can have at most 1024 characters'));
  }
  return causes;
}

/** Checks of a new event of the newer group: core events may leave out what it wants. */
function eventProblems(e: JsonObject): Cause[] {
  const causes = baseProblems(e, 'regarding', 'reportingController');
  causes.push(...checked(e['metadata'].name, 'metadata.name', dnsSubdomain));
  if (e['eventTime'] === null) causes.push(field.required('eventTime'));
  if (!['Normal', 'Warning'].includes(e['type'])) causes.push(field.invalid('type', '', 'has invalid value: ' + (e['type'] ?? '')));
  for (const [key, name] of [
    ['deprecatedFirstTimestamp', 'firstTimestamp'],
    ['deprecatedLastTimestamp', 'lastTimestamp'],
    ['deprecatedCount', 'count'],
  ] as const)
    if (e[key]) causes.push(field.invalid(name, '', 'needs to be unset'));
  if (e['deprecatedSource']?.component || e['deprecatedSource']?.host) causes.push(field.invalid('source', '', 'needs to be unset'));
  return causes;
}

/** What the series of an event of the newer group wants. */
function seriesProblems({ series }: JsonObject): Cause[] {
  if (!series) return [];
  return [
    ...(series.count >= 2 ? [] : [field.invalid('series.count', '', 'should be at least 2')]),
    ...(series.lastObservedTime ? [] : [field.required('series.lastObservedTime')]),
  ];
}

/** What no update of the newer group changes. */
const FIXED = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'reason',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
];

function updateProblems(object: JsonObject, old: JsonObject): Cause[] {
  const [now, before] = [toCore(object), toCore(old)];
  return [
    ...baseProblems(object, 'regarding', 'reportingController'),
    ...(equal(object['series'], old['series']) ? [] : seriesProblems(object)),
    ...FIXED.filter((key) => !equal(now[key], before[key])).map((key) =>
      field.invalid(key === 'reportingComponent' ? 'reportingController' : key, now[key] ?? null, 'field is immutable'),
    ),
  ];
}

export const event: Strategy = {
  name: pathSegment,
  childless: true,
  allFields: bothFields,
  validate: (object) => baseProblems(object, 'involvedObject', 'reportingComponent'),
  fields: fieldsOf,
};

export const newEvent: Strategy = {
  name: pathSegment,
  childless: true,
  kept: { as: 'events', to: toCore, from: toNewer },
  allFields: bothFields,
  validateCreate: (object) => [...eventProblems(object), ...seriesProblems(object)],
  validateUpdate: updateProblems,
  fields: newerFields,
};
