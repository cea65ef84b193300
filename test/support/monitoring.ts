/** What the dashboard and the alerts ask Prometheus for, and what processes tell it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { namesIn } from './promql.ts';

export const FOLDER = resolve('monitoring');

export interface Query {
  /** The panel or the alert. */
  readonly of: string;
  readonly expression: string;
  /** Labels that legends and messages show. */
  readonly shown: readonly string[];
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const read = (file: string) => readFileSync(resolve(FOLDER, file), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found!);

export const panels = (): readonly Panel[] => (JSON.parse(read('dashboard.json')) as { panels: Panel[] }).panels;
export const alerts = (): readonly Alert[] =>
  (parse(read('alerts.yaml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules);

export function queries(): Query[] {
  const ofPanels = panels().flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      of: title,
      // Grafana fills this in.
      expression: expr.replaceAll('$__rate_interval', '5m'),
      shown: matches(legendFormat, /\{\{(\w+)\}\}/g),
    })),
  );
  const ofAlerts = alerts().map(({ alert, expr, annotations }) => ({
    of: alert,
    expression: expr,
    shown: matches(Object.values(annotations).join(' '), /\$labels\.(\w+)/g),
  }));
  return [...ofPanels, ...ofAlerts];
}

/** Labels with the values that were told, by the metric's name as samples have it. */
export type Told = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** Reads the text format of Prometheus; metrics without samples count with their HELP line, where they name possible values. */
export function readMetrics(texts: readonly string[]): { readonly told: Told; readonly help: ReadonlyMap<string, string> } {
  const told = new Map<string, Map<string, Set<string>>>();
  const help = new Map<string, string>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, documented, words] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    if (documented !== undefined) help.set(documented, words!);
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = told.get(name) ?? told.set(name, new Map()).get(name)!;
    for (const [, label, value] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      known.set(label!, (known.get(label!) ?? new Set()).add(value!));
  }
  return { told, help };
}

/** Labels that Prometheus gives to what it scrapes, and its own metric of what it scrapes. */
const SCRAPED = ['job', 'instance'];
const OWN = new Set(['up']);

/** What a query names that is not told. */
export function missing({ of, expression, shown }: Query, { told, help }: ReturnType<typeof readMetrics>): string[] {
  const { metrics, grouping } = namesIn(expression);
  const problems: string[] = [];
  const known = new Set(SCRAPED);
  for (const { name, matchers } of metrics.filter((metric) => !OWN.has(metric.name))) {
    const labels = told.get(name);
    if (!labels && !help.has(name)) problems.push(`no metric ${name}`);
    for (const label of labels?.keys() ?? []) known.add(label);
    for (const { label, values } of matchers) {
      if (!SCRAPED.includes(label) && !labels?.has(label)) problems.push(`no label ${label} of ${name}`);
      for (const value of values)
        if (!labels?.get(label)?.has(value) && !help.get(name)?.includes(value)) problems.push(`no value ${value} of ${name}{${label}}`);
    }
  }
  for (const label of grouping) if (!known.has(label)) problems.push(`no label ${label} to group by`);
  for (const label of shown) if (!(grouping.length > 0 ? grouping : [...known]).includes(label)) problems.push(`no label ${label} to show`);
  return problems.map((problem) => `${of}: ${problem} (${expression})`);
}
