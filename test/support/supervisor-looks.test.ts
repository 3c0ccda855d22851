import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventsWithLooks } from './supervisor-looks.ts';

describe('how often the supervisor looks in a test', () => {
  it('stands in a part of it that is bound over its own', () => {
    const folder = mkdtempSync(join(tmpdir(), 'looks-'));
    try {
      const [bind, ...others] = eventsWithLooks('never', folder);
      expect(others).toEqual([]);
      expect(bind?.container).toMatch(/^\/usr\/local\/lib\/supervisor\/.*events\.sh$/);
      expect(readFileSync(bind?.host ?? '', 'utf8')).toMatch(
        /^readonly POLL_SECONDS=600 .*timeout --foreground "\$POLL_SECONDS"/ms,
      );
      expect(eventsWithLooks('as shipped', folder)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
