import { describe, expect, it } from 'vitest';
import { Steps } from './steps.ts';

describe('Steps', () => {
  it('tells a moment by the last step before it', () => {
    const steps = new Steps();
    steps.take(1000, 'link-down');
    steps.take(3000, 'healed');
    expect(steps.when(2940)).toBe('1.9 s after "link-down"');
    expect(steps.when(3000)).toBe('0.0 s after "healed"');
  });

  it('knows no step before the first', () => {
    const steps = new Steps();
    steps.take(1000, 'link-down');
    expect(steps.when(999)).toBe('before the first step');
  });
});
