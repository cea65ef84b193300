/** Which metrics, labels and values a PromQL expression names; by Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql';

export interface Named {
  /** In the order in which they stand; each with the labels that are asked of it, and the values that a label is to have. */
  readonly metrics: readonly {
    readonly name: string;
    readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
  }[];
  /** In `by`, `on`, `group_left` and the like: some metric of the expression has each. */
  readonly grouping: readonly string[];
}

/** @throws Error where the text is no PromQL */
export function namesIn(expression: string): Named {
  const text = (node: { readonly from: number; readonly to: number }) => expression.slice(node.from, node.to);
  const metrics: { name: string; matchers: { label: string; values: readonly string[] }[] }[] = [];
  const grouping: string[] = [];
  let inGrouping = false;
  parser.parse(expression).iterate({
    enter(ref) {
      const { node, name } = ref;
      if (node.type.isError) throw new Error(`no PromQL at '${expression.slice(node.from)}' of '${expression}'`);
      if (name === 'VectorSelector') {
        const id = node.getChild('Identifier');
        if (!id) throw new Error(`a selector without a metric: '${text(node)}'`);
        metrics.push({ name: text(id), matchers: [] });
      } else if (name === 'UnquotedLabelMatcher') {
        const label = text(node.getChild('LabelName')!);
        const op = text(node.getChild('MatchOp')!);
        const value = JSON.parse(text(node.getChild('StringLiteral')!)) as string;
        const values = op === '=' ? [value] : op === '=~' && /^[a-z|-]+$/.test(value) ? value.split('|') : [];
        metrics.at(-1)!.matchers.push({ label, values });
      } else if (name === 'GroupingLabels') inGrouping = true;
      else if (name === 'LabelName' && inGrouping) grouping.push(text(node));
    },
    leave({ name }) {
      if (name === 'GroupingLabels') inGrouping = false;
    },
  });
  return { metrics, grouping };
}
