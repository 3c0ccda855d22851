import { describe, expect, it } from 'vitest';
import { kindOf, Repeats } from './repeats.ts';

/** Lets a test fail with one message after the other, as long as it is done again; gives how often that was. */
function repeatsOf(messages: readonly string[]): number {
  const repeats = new Repeats();
  const stopped = messages.findIndex((message) => !repeats.take(message, 'a standstill'));
  expect(repeats.said).toHaveLength(stopped < 0 ? messages.length : stopped);
  return repeats.said.length;
}

describe('a test that failed while the machine stood still', () => {
  it('is done again, with what is known of the machine', () => {
    const repeats = new Repeats();
    expect(repeats.take('expected 120 to be less than 100', 'no time for 37 ms')).toBe(true);
    expect(repeats.said).toEqual(['no time for 37 ms']);
  });

  it('is done again four times when it fails in more than one way', () => {
    expect(repeatsOf(['a', 'b', 'a', 'a', 'a', 'a'])).toBe(Repeats.MOST);
  });

  it('does not get its last repeat when it always failed in the same way', () => {
    const slow = [120, 480, 133, 210, 108].map((ms) => `expected ${ms} to be less than 100`);
    expect(repeatsOf(slow)).toBe(Repeats.MOST - 1);
  });

  it.each([
    ['a wait', ['node1', 'node3'].map((node) => `gave up waiting for an answer after 60000 ms: it is on ${node}`)],
    ['a test', ['Test timed out in 300000ms.', 'Test timed out in 300000ms.']],
    ['a command', ['4x7zq', 'bdh5n'].map((pod) => `Command failed with exit code 1: kubectl wait pod/vip-${pod}`)],
  ])('is given up when %s hung twice in the same way: that costs minutes each time', (_what, messages) => {
    expect(repeatsOf(messages)).toBe(1);
  });

  it('is done again when it hung in another way, or measured something in between', () => {
    const [first, second] = ['gave up waiting for calm after 120000 ms', 'gave up waiting for pods after 90000 ms'];
    expect(repeatsOf([first, second, 'expected 512 to be less than 400', first])).toBe(Repeats.MOST);
  });
});

describe('the kind of a failure', () => {
  it('is its first line without what was measured', () => {
    expect(kindOf('gave up waiting for node2 after 20000.5 ms: it says\nthis')).toBe(
      kindOf('gave up waiting for node3 after 15000 ms: it says\nthat'),
    );
    expect(kindOf('expected 3 to be 4')).not.toBe(kindOf('expected 3 to be less than 4'));
  });

  it.each([
    [
      'a Deployment’s pods',
      'no sidecar in keepalived-ingress-vip-6d5f9c7b8f-x2v9z',
      'no sidecar in keepalived-ingress-vip-84bb5d69d-9qk7p',
    ],
    ['a DaemonSet’s pods', 'pods "ingress-zt5wx" not found', 'pods "ingress-bb42c" not found'],
    ['lists of nodes', '10.77.0.100 is on node1 and node3', '10.77.0.100 is on node2'],
    ['shares', 'held in shares of 3 + 3', 'held in shares of 2 + 2 + 2'],
    [
      'temporary folders',
      'open /tmp/values-aX3b9Z/values.yaml: no such file',
      'open /tmp/values-Qq81cD/values.yaml: no such file',
    ],
    ['identifiers', 'uid 5f3c1a2e-9b1d-4c57-8a11-0c2f6e7d8a90', 'uid 0e4b7c66-1f2a-4d0e-b3a5-9d8c7b6a5f41'],
    ['hashes', 'layer 9f86d081884c7d65 is missing', 'layer 60303ae22b998861 is missing'],
    [
      'what a wait saw last',
      'gave up waiting for calm after 120000 ms: nobody',
      'gave up waiting for calm after 120000 ms: vip-q7x2z is not Ready',
    ],
  ])('does not tell %s apart', (_what, one, other) => {
    expect(kindOf(one)).toBe(kindOf(other));
  });

  it.each([
    ['what is waited for', 'gave up waiting for calm after 120000 ms', 'gave up waiting for pods after 120000 ms'],
    ['workloads', 'no pod of keepalived-ingress-vip', 'no pod of keepalived-ingress-vip-controller'],
    ['words that a name of Kubernetes’ could be', 'a node-crash', 'a link-cut'],
  ])('tells %s apart', (_what, one, other) => {
    expect(kindOf(one)).not.toBe(kindOf(other));
  });
});
