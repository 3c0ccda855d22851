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
});

describe('the kind of a failure', () => {
  it('is its first line without what was measured', () => {
    expect(kindOf('gave up waiting for node2 after 20000.5 ms: it says\nthis')).toBe(
      kindOf('gave up waiting for node3 after 15000 ms: it says\nthat'),
    );
    expect(kindOf('expected 3 to be 4')).not.toBe(kindOf('expected 3 to be less than 4'));
  });
});
