import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { alerts, FOLDER, missing, panels, queries, readMetrics } from '../support/monitoring.ts';
import { namesIn } from '../support/promql.ts';

const TEXT = `# HELP kosmos_x Things, by state: good, bad
# TYPE kosmos_x counter
kosmos_x{a="1",state="good"} 3
# HELP kosmos_quiet Nothing yet
# TYPE kosmos_quiet counter
`;
const query = (expression: string, shown: readonly string[] = []) => ({ of: 'q', expression, shown });

describe('the dashboard and the alerts', () => {
  it('ask in PromQL', () => {
    expect(queries()).to.have.length.greaterThan(30);
    for (const { expression } of queries()) expect(namesIn(expression).metrics, expression).to.not.deep.equal([]);
  });

  it('tell of each alert what it means and what to do', () => {
    const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    const told = [...readme.matchAll(/^\| `(\w+)` \| \S.* \| \S.* \|$/gm)].map(([, name]) => name);
    expect(told).to.have.members(alerts().map(({ alert }) => alert));
  });

  it('have panels that Grafana can tell apart', () => {
    const ids = panels().map(({ id }) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('are known to lack what no process tells', () => {
    const told = readMetrics([TEXT]);
    const lacks = (...args: Parameters<typeof query>) => missing(query(...args), told).map((problem) => problem.replace(/ \(.*$/, ''));
    expect(lacks('sum by (a) (rate(kosmos_x{state="good", instance="i"}[5m]))', ['a'])).to.deep.equal([]);
    expect(lacks('kosmos_x{state=~"good|bad"}')).to.deep.equal([]);
    expect(lacks('increase(kosmos_quiet[5m]) > 0')).to.deep.equal([]);
    expect(lacks('kosmos_y')).to.deep.equal(['q: no metric kosmos_y']);
    expect(lacks('kosmos_x{b="1"}')).to.deep.equal(['q: no label b of kosmos_x', 'q: no value 1 of kosmos_x{b}']);
    expect(lacks('kosmos_x{state="odd"}')).to.deep.equal(['q: no value odd of kosmos_x{state}']);
    expect(lacks('sum by (b) (kosmos_x)')).to.deep.equal(['q: no label b to group by']);
    expect(lacks('sum by (a) (kosmos_x)', ['state'])).to.deep.equal(['q: no label state to show']);
    expect(() => namesIn('sum by (a (kosmos_x)')).to.throw('no PromQL');
  });
});
