import { describe, expect, it } from 'vitest';
import { afterCount, afterNames, allGone, type EndpointTrust, NO_TRUST } from './endpoint-trust.ts';

/** What happens in turn: a list is what a plan names, a number what kube-proxy counts. */
type Step = readonly string[] | number;

function stateAfter(...steps: readonly Step[]): EndpointTrust {
  return steps.reduce<EndpointTrust>(
    (trust, step) => (typeof step === 'number' ? afterCount(trust, step) : afterNames(trust, step)),
    NO_TRUST,
  );
}

function isGoneOf(...gone: readonly string[]): (key: string) => boolean {
  return (key) => gone.includes(key);
}

const A = ['a'];
const AB = ['a', 'b'];
const B = ['b'];

describe('the endpoints that a node has', () => {
  it.each<[string, Step[], string[], boolean]>([
    ['the only one crashes', [A, 1], ['a'], true],
    ['the only one is there', [A, 1], [], false],
    ['kube-proxy was heard before the plan', [1, A], ['a'], true],
    ['one of two crashes', [AB, 2], ['a'], false],
    ['both crash', [AB, 2], ['a', 'b'], true],
    ['no plan names one', [[], 0], [], false],
    ['kube-proxy did not say how many', [A], ['a'], false],
    ['kube-proxy counts one more than the plan names', [A, 1, 2], ['a'], false],
    ['kube-proxy knows of the crash', [A, 1, 0], ['a'], false],
    ['kube-proxy counts another after the crash, which the plan does not name yet', [A, 1, 0, 1], ['a'], false],
    // In order, one after the other is replaced; whoever hears first.
    ['a second comes, the first goes: kube-proxy is ahead', [A, 1, 2, AB, 1, B], ['a'], false],
    ['the same, and the second crashes', [A, 1, 2, AB, 1, B], ['a', 'b'], true],
    ['the same, before the plan leaves the first out', [A, 1, 2, AB, 1], ['a'], false],
    ['a second comes, the first goes: the plan is ahead', [A, 1, AB, 2, B, 1], ['b'], true],
    ['the same, before kube-proxy leaves the first out', [A, 1, AB, 2, B], ['a', 'b'], false],
    ['the plan is two ahead', [A, 1, ['a', 'b', 'c'], 2, 3], ['a', 'b', 'c'], true],
    ['kube-proxy is two ahead', [A, 1, 2, 1, B], ['b'], true],
    // The numbers are the same, and yet another pod is meant: nobody plans any more.
    ['a pod is replaced while the plan stays', [A, 1, 2, 1], ['a'], false],
    ['the same, later', [A, 1, 2, 1, 0, 1], ['a'], false],
    ['until it is planned again', [A, 1, 2, 1, B], ['b'], true],
  ])('%s', (_, steps, gone, all) => {
    expect(allGone(stateAfter(...steps), isGoneOf(...gone))).toBe(all);
  });

  it('is the same state when nothing changed', () => {
    const trust = stateAfter(AB, 2);
    expect(afterCount(trust, 2)).toBe(trust);
    expect(afterNames(trust, ['b', 'a'])).toBe(trust);
  });
});
