export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

type Labels = Readonly<Record<string, string>>;

/** Whether a label selector holds; an absent one holds for nothing, an empty one for everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (!selector) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  return (selector.matchExpressions ?? []).every((e) => holds(e, labels));
}

/** Whether one requirement of a label or node selector holds. */
export function holds({ key, operator, values = [] }: { key: string; operator: string; values?: string[] }, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** Whether all of these labels are there; no labels select nothing. */
export const hasLabels = (wanted: Labels | undefined, labels: Labels = {}): boolean =>
  wanted !== undefined && Object.keys(wanted).length > 0 && Object.entries(wanted).every(([key, value]) => labels[key] === value);
