import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

interface Step {
  do: string;
  method?: string;
  path: string;
  type?: string;
  accept?: string;
  body?: unknown;
  raw?: string;
  save?: Record<string, string>;
  watch?: { events: number; ms: number };
  only?: string[];
  free?: boolean;
  retry?: number;
  managed?: boolean;
}

/** Steps that do not hold, each with its reason. */
const OPEN: Record<string, string> = {
  '02-crud #29': 'the recorded 400 came from bytes that the recorder left on the connection',
};

const folder = new URL('../fixtures/golden/', import.meta.url);
const MASKED = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'time',
  'selfLink',
  'continue',
  'remainingItemCount',
  'lastTransitionTime',
  'expirationTimestamp',
  'token',
  'clusterIP',
  'clusterIPs',
  'nodePort',
  'renewTime',
  'acquireTime',
  'firstTimestamp',
  'lastTimestamp',
  'startTime',
  'storageVersionHash',
  'lastPhaseTransitionTime',
]);

function mask(value: any, key: string, managed: boolean): any {
  if (value === null || value === undefined) return value;
  if (MASKED.has(key)) return value === '' ? '' : '<masked>';
  if (Array.isArray(value)) return value.map((v) => mask(v, '', managed));
  if (typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.keys(value)
      .filter((k) => managed || k !== 'managedFields')
      .map((k) => [k, mask(value[k], k, managed)]),
  );
}

const pointer = (doc: any, path: string): any =>
  path
    .split('/')
    .slice(1)
    .reduce((v, k) => v?.[k.replace(/~1/g, '/').replace(/~0/g, '~')], doc);

function digest(step: Step, answer: Answer): Record<string, unknown> {
  const doc = answer.body;
  const out: Record<string, unknown> = { status: answer.status };
  if (answer.headers['warning']) out['warns'] = true;
  if (step.only) out['body'] = Object.fromEntries(step.only.map((p) => [p, mask(pointer(doc, p), p.split('/').pop()!, false) ?? null]));
  else if (doc?.kind === 'Status' && doc.status === 'Failure') {
    out['body'] = {
      kind: 'Status',
      reason: doc.reason,
      code: doc.code,
      fields: (doc.details?.causes ?? []).map((c: any) => [c.reason, c.field]).sort(),
    };
  } else if (doc !== undefined) {
    const body = mask(doc, '', step.managed === true);
    if (step.managed) Object.assign(body.metadata, { __keep: true });
    out['body'] = body;
  }
  return out;
}

/** What is answered to a step, masked as the records are; `doc` is the body as it is. */
async function asked(client: Client, step: Step, watched: boolean): Promise<{ got: Record<string, unknown>; doc: unknown }> {
  if (step.watch && watched) {
    const { status, lines } = await client.watch(step.path, { lines: step.watch.events, ms: step.watch.ms });
    const events = lines
      .map((l) => JSON.parse(l))
      .map((e: any) => {
        const object = e.type === 'BOOKMARK' ? { kind: e.object.kind, annotations: e.object.metadata?.annotations } : e.object;
        return { type: e.type, object: mask(object, '', false) };
      });
    return { got: { status, events }, doc: undefined };
  }
  // The recorder's DELETE requests arrived without their bodies.
  const body = step.method === 'DELETE' ? undefined : (step.raw ?? step.body);
  const answer = await client.call(step.method ?? 'GET', step.path, body, {
    accept: step.accept ?? 'application/json',
    ...(body === undefined ? {} : { 'content-type': step.type ?? 'application/json' }),
  });
  return { got: digest(step, answer), doc: answer.body };
}

describe('what Kubernetes 1.36.2 answered', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  for (const file of readdirSync(new URL('cases/', folder)).sort()) {
    const test = JSON.parse(readFileSync(new URL(`cases/${file}`, folder), 'utf8')) as { name: string; about: string; steps: Step[] };
    const records = JSON.parse(readFileSync(new URL(`records/${file}`, folder), 'utf8')) as Record<string, unknown>[];
    const vars: Record<string, string> = {};
    describe(`${test.name}: ${test.about}`, () => {
      for (const [i, raw] of test.steps.entries()) {
        it(`${i} ${raw.do}`, async () => {
          const step = JSON.parse(JSON.stringify(raw).replace(/\$\{(\w+)\}/g, (_, n: string) => vars[n] ?? '')) as Step;
          const { message: _m, do: _d, ...want } = records[i]!;
          let { got, doc } = await asked(client, step, want['status'] === 200);
          // What a controller does is there in the end.
          if (step.retry && got['status'] !== want['status'])
            await eventually(
              async () => {
                ({ got, doc } = await asked(client, step, want['status'] === 200));
                return got['status'] === want['status'];
              },
              { message: step.do },
            );
          for (const [name, path] of Object.entries(step.save ?? {})) vars[name] = pointer(doc, path);
          if (step.free || OPEN[`${test.name} #${i}`]) return;
          if (!isDeepStrictEqual(got, want)) expect(got).to.deep.equal(want);
        });
      }
    });
  }
});
