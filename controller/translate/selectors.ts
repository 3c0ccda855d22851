import type { LabelSelector } from '../../api/pool-services.ts';
import { labelsOf, listOf, mapOf } from './documents.ts';

/** One selector instead of several, and whether it selects less than they do. */
export interface OneSelector {
  readonly selector?: LabelSelector;
  readonly isNarrower: boolean;
}

function selectorOf(value: unknown): LabelSelector {
  const { matchLabels, matchExpressions } = mapOf(value);
  const labels = labelsOf(matchLabels);
  const expressions = listOf(matchExpressions) as NonNullable<LabelSelector['matchExpressions']>;
  return {
    ...(Object.keys(labels).length === 0 ? {} : { matchLabels: labels }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
  };
}

/** The key that all of them ask for, each with one value and nothing else. */
function commonKey(selectors: readonly LabelSelector[]): string | undefined {
  const keys = selectors.map(({ matchLabels = {}, matchExpressions }) =>
    matchExpressions === undefined && Object.keys(matchLabels).length === 1 ? Object.keys(matchLabels)[0] : undefined,
  );
  return keys.every((key) => key === keys[0]) ? keys[0] : undefined;
}

/** What meets one of several selectors, as one: there is room for one. Pure. */
export function oneSelector(value: unknown): OneSelector {
  const selectors = listOf(value).map(selectorOf);
  const [first] = selectors;
  if (first === undefined) return { isNarrower: false };
  if (selectors.length === 1) return { selector: first, isNarrower: false };
  const key = commonKey(selectors);
  if (key === undefined) return { selector: first, isNarrower: true };
  const values = selectors.map(({ matchLabels = {} }) => matchLabels[key] ?? '');
  return { selector: { matchExpressions: [{ key, operator: 'In', values }] }, isNarrower: false };
}
