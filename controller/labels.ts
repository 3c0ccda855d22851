import type { NodeSelector } from '../api/virtual-ip-pool.ts';

/** Labels of an object. */
type Labels = Readonly<Record<string, string>>;
type Requirement = NonNullable<NodeSelector['matchExpressions']>[number];

function meets(labels: Labels, { key, operator, values = [] }: Requirement): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      // A node without the label has none of the values: as everywhere in Kubernetes, it is chosen.
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether labels meet a selector; an empty one is met by all. */
export function selects(
  { matchLabels = {}, matchExpressions = [], anyLabel = [] }: NodeSelector,
  labels: Labels,
): boolean {
  return (
    (anyLabel.length === 0 || anyLabel.some((key) => Object.hasOwn(labels, key))) &&
    Object.entries(matchLabels).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    matchExpressions.every((requirement) => meets(labels, requirement))
  );
}
