import type { FaultName } from '../lab/fault-names.ts';
import type { Release } from '../lab/manifests.ts';
import { asReference } from './reference.ts';

/** One lab set-up and the faults that are measured on it. */
export interface Suite {
  readonly name: string;
  /** How the table calls it. */
  readonly title: string;
  readonly set: readonly string[];
  readonly adapt?: (release: Release) => Release;
  readonly quietMs: number;
  readonly faults: readonly { readonly fault: FaultName; readonly runs: number; readonly budget?: Budget }[];
}

/** What was promised, in milliseconds. */
interface Budget {
  readonly medianMs?: number;
  readonly worstMs: number;
  /** For the healing. */
  readonly healWorstMs?: number;
}

/** What is measured, in this order. The product's defaults come first, the reference last: it takes longest. */
export const SUITES: readonly Suite[] = [
  {
    name: 'defaults',
    title: 'defaults (advertInterval 0.1)',
    set: [],
    quietMs: 400,
    faults: [
      { fault: 'ingress-crash', runs: 20, budget: { medianMs: 25, worstMs: 60 } },
      { fault: 'keepalived-term', runs: 20, budget: { medianMs: 25, worstMs: 60 } },
      { fault: 'drain', runs: 10, budget: { worstMs: 15 } },
      { fault: 'cordon', runs: 10, budget: { worstMs: 20 } },
      { fault: 'link-down', runs: 10, budget: { worstMs: 350 } },
      { fault: 'switch-cut', runs: 10, budget: { worstMs: 350, healWorstMs: 50 } },
      { fault: 'keepalived-kill', runs: 5 },
      { fault: 'ingress-unhealthy', runs: 3 },
      { fault: 'node-freeze', runs: 5 },
    ],
  },
  {
    name: 'fast',
    title: 'advertInterval 0.02',
    set: ['keepalived.advertInterval=0.02'],
    quietMs: 400,
    faults: [
      { fault: 'link-down', runs: 10, budget: { worstMs: 80 } },
      { fault: 'switch-cut', runs: 5 },
      { fault: 'ingress-crash', runs: 10 },
    ],
  },
  {
    name: 'reference',
    title: 'reference settings',
    set: [],
    adapt: asReference,
    quietMs: 7000,
    faults: [
      { fault: 'ingress-crash', runs: 2 },
      { fault: 'keepalived-term', runs: 2 },
      { fault: 'link-down', runs: 2 },
      { fault: 'switch-cut', runs: 2 },
    ],
  },
];
