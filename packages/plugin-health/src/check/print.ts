/** A check as a table, as JSON and as JUnit's XML. Pure. */
import { styleText } from 'node:util';
import { table } from '@kosmos/kernel';
import { lossOf, type Sample } from './sample.ts';

export type By = 'cluster' | 'node';

/** What was found, and what could not be looked at. */
export interface Outcome {
  readonly samples: readonly Sample[];
  /** Clusters that could not be checked, and why. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

interface Row {
  readonly from: string;
  readonly to: string;
  readonly kind: Sample['kind'];
  readonly family: Sample['family'];
  readonly samples: readonly Sample[];
}

const WORDS = { pod: 'pod to pod', service: 'pod to ClusterIP', host: 'host to pod' } as const;

/** All samples of two clusters (or nodes), one kind and one family are one row. */
function rowsOf(samples: readonly Sample[], by: By): Row[] {
  const ends = ({ from, to, fromCluster, toCluster }: Sample) =>
    (by === 'node' ? [from, to] : [fromCluster, toCluster]) as [string, string];
  return [...Map.groupBy(samples, (s) => [...ends(s), s.kind, s.family].join(' ')).values()].map((of) => {
    const [from, to] = ends(of[0]!);
    return { from, to, kind: of[0]!.kind, family: of[0]!.family, samples: of };
  });
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

function figures({ samples }: Row) {
  const answers = samples.flatMap(({ answer }) => answer ?? []);
  const mtus = answers.flatMap(({ mtu }) => mtu ?? []);
  const rtt = median(answers.flatMap(({ rttMs }) => rttMs ?? []));
  const sources = [...new Set(answers.flatMap((answer) => answer.sources))];
  const failed = samples.filter(({ problems }) => problems.length > 0).length;
  return {
    rttMs: rtt,
    lossPercent: answers.length > 0 ? Math.round((answers.reduce((sum, a) => sum + lossOf(a), 0) / answers.length) * 100) : undefined,
    mtu: mtus.length > 0 ? Math.min(...mtus) : undefined,
    sources,
    asked: samples.filter(({ skipped }) => skipped === undefined).length,
    failed,
  };
}

/** `colour`: for a terminal. */
export function tableOf({ samples, faults, warnings }: Outcome, by: By, colour: boolean): string {
  const paint = (style: 'red' | 'green' | 'yellow', text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const rows = rowsOf(samples, by);
  const lines = table(
    ['FROM', 'TO', 'WHAT', 'FAMILY', 'RTT', 'LOSS', 'MTU', 'SOURCE SEEN', 'RESULT'],
    rows.map((row) => {
      const { rttMs, lossPercent, mtu, sources, asked, failed } = figures(row);
      return [
        row.from,
        row.to,
        WORDS[row.kind],
        `IPv${row.family}`,
        rttMs === undefined ? undefined : `${rttMs.toFixed(2)}ms`,
        lossPercent === undefined ? undefined : `${lossPercent}%`,
        mtu,
        sources.length > 2 ? `${sources.length} addresses` : sources.join(','),
        asked === 0 ? 'not offered' : failed > 0 ? `FAILED ${failed} of ${asked}` : 'ok',
      ];
    }),
  ).split('\n');
  const painted = lines.map((line) =>
    line.replace(/(ok|FAILED \d+ of \d+|not offered)$/, (word) =>
      paint(word === 'ok' ? 'green' : word.startsWith('F') ? 'red' : 'yellow', word),
    ),
  );
  const failed = samples.filter(({ problems }) => problems.length > 0);
  const skipped = [...new Set(samples.flatMap((sample) => sample.skipped ?? []))];
  return [
    ...(rows.length > 0 ? painted : []),
    ...(failed.length > 0 ? ['', paint('red', 'FAILED'), ...failures(failed)] : []),
    ...(faults.length > 0 ? ['', paint('red', 'NOT CHECKED'), ...faults.map((fault) => `  ${fault}`)] : []),
    ...(skipped.length > 0 ? ['', 'NOT OFFERED', ...skipped.map((why) => `  ${why}`)] : []),
    ...(warnings.length > 0 ? ['', paint('yellow', 'WARNINGS'), ...warnings.map((warning) => `  ${warning}`)] : []),
  ].join('\n');
}

/** Named at most, of pairs that fail for the same reason. */
const SHOWN = 3;

/** Those that fail for one reason stand together: what is wrong, what to do, and whom it concerns. */
function failures(samples: readonly Sample[]): string[] {
  return [...Map.groupBy(samples, (s) => because(s) ?? '').entries()].flatMap(([why, of]) => [
    ...(why === '' ? [] : why.split('\n').map((line, i) => `  ${i > 0 ? '  ' : ''}${line}`)),
    ...of.slice(0, SHOWN).map((s) => `    ${s.from} to ${s.to}, ${WORDS[s.kind]}, IPv${s.family}: ${s.problems.join('; ')}`),
    ...(of.length > SHOWN ? [`    and ${of.length - SHOWN} more`] : []),
  ]);
}

function because({ explanation }: Sample): string | undefined {
  if (!explanation) return undefined;
  const { node, message, fix, reason } = explanation;
  return `${node === undefined ? '' : `${node}: `}${message} (${reason})\nfix: ${fix}`;
}

export function jsonOf(outcome: Outcome, by: By): string {
  const rows = rowsOf(outcome.samples, by).map((row) => ({ ...row, ...figures(row) }));
  return JSON.stringify({ rows, faults: outcome.faults, warnings: outcome.warnings }, undefined, 2);
}

/** One test case a pair, in one suite for each row of the table. */
export function junitOf({ samples, faults, warnings }: Outcome, by: By): string {
  const count = (of: readonly Sample[]) =>
    `tests="${of.length}" failures="${of.filter(({ problems }) => problems.length > 0).length}" errors="0" skipped="${of.filter(({ skipped }) => skipped !== undefined).length}"`;
  const suites = rowsOf(samples, by).map((row) => {
    const name = `${row.from} to ${row.to}, ${WORDS[row.kind]}, IPv${row.family}`;
    return [`  <testsuite name="${xml(name)}" ${count(row.samples)}>`, ...row.samples.map((s) => testCase(s, name)), '  </testsuite>'].join(
      '\n',
    );
  });
  const notChecked = faults.map(
    (fault) => `    <testcase classname="kosmos check" name="${xml(fault.split(':')[0]!)}"><error message="${xml(fault)}"/></testcase>`,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="kosmos check">',
    ...suites,
    ...(notChecked.length > 0
      ? [
          `  <testsuite name="clusters" tests="${faults.length}" failures="0" errors="${faults.length}" skipped="0">`,
          ...notChecked,
          '  </testsuite>',
        ]
      : []),
    ...(warnings.length > 0
      ? [
          `  <testsuite name="warnings" tests="0" failures="0" errors="0" skipped="0"><system-out>${xml(warnings.join('\n'))}</system-out></testsuite>`,
        ]
      : []),
    '</testsuites>',
  ].join('\n');
}

function testCase(sample: Sample, suite: string): string {
  const { from, to, answer, problems, skipped } = sample;
  const time = answer?.rttMs === undefined ? '' : ` time="${(answer.rttMs / 1000).toFixed(6)}"`;
  const open = `    <testcase classname="${xml(suite)}" name="${xml(`${from} to ${to}`)}"${time}`;
  if (skipped !== undefined) return `${open}><skipped message="${xml(skipped)}"/></testcase>`;
  if (problems.length === 0) return `${open}/>`;
  const type = sample.explanation?.reason ?? 'Failed';
  return `${open}><failure type="${xml(type)}" message="${xml(problems.join('; '))}">${xml(because(sample) ?? '')}</failure></testcase>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
/** Without characters that XML has no way to write. */
const xml = (text: string): string => text.replaceAll(/[^\t\n\r\u0020-\uFFFD]/g, '').replaceAll(/[&<>"']/g, (char) => ENTITIES[char]!);
