import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withTemporaryFolder } from '../../scripts/support/temporary-folder.ts';
import { countsNoFailure, isFit } from './fitness.ts';

describe('a node that could take over', () => {
  it.each([
    [
      'is one whose gate is open and whose offset is that of its rank',
      { gate: '1\n', offset: '-30\n', pulse: '0\n' },
      true,
    ],
    ['is none with a closed gate', { gate: '0\n', offset: '0\n', pulse: '0\n' }, false],
    ['is none of the next band', { gate: '1\n', offset: '-31\n', pulse: '0\n' }, false],
    ['is none without a pulse', { gate: '1\n', offset: '0\n', pulse: '-1\n' }, false],
    ['is none that has told nothing yet', {}, false],
  ])('%s', (_, files, fit) =>
    withTemporaryFolder(join(tmpdir(), 'fitness-'), async (folder) => {
      mkdirSync(join(folder, 'track'));
      for (const [kind, text] of Object.entries(files)) writeFileSync(join(folder, `track/vip.${kind}`), text);
      expect(isFit(folder)).toBe(fit);
    }),
  );
});

describe('checks that count no failure', () => {
  const line = (check: string, count: number) =>
    `keepalived_vip_probe_consecutive_failures{check="${check}"} ${count}\n`;

  it('are all that the metrics tell of', () => {
    expect(countsNoFailure(line('service', 0) + line('kubelet', 0))).toBe(true);
    expect(countsNoFailure(line('service', 0) + line('kubelet', 1))).toBe(false);
  });

  it('are not those of a sidecar that does not answer', () => {
    expect(countsNoFailure('')).toBe(false);
  });
});
