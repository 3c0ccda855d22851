import { describe, expect, it } from 'vitest';
import { UndisturbedRuns } from './stalls.ts';

/** A machine that stands still during the first runs. */
function machine(disturbedRuns: number): { longestDuring: () => number } {
  let left = disturbedRuns;
  return {
    longestDuring: () => {
      left -= 1;
      return left >= 0 ? 837 : 0;
    },
  };
}

async function numberOfRuns(disturbedRuns: number): Promise<{ runs: number; repeated: number; said: string[] }> {
  const said: string[] = [];
  const undisturbed = new UndisturbedRuns(machine(disturbedRuns), (line) => said.push(line));
  let runs = 0;
  const result = await undisturbed.run('drain 1/10', async () => {
    runs += 1;
    return runs;
  });
  expect(result).toBe(runs);
  return { runs, repeated: undisturbed.repeated, said };
}

describe('runs on a machine that stands still at times', () => {
  it('counts a run at once when nothing disturbed it', async () => {
    expect(await numberOfRuns(0)).toEqual({ runs: 1, repeated: 0, said: [] });
  });

  it('repeats one that a standstill fell into, and says so', async () => {
    const { runs, repeated, said } = await numberOfRuns(2);
    expect({ runs, repeated }).toEqual({ runs: 3, repeated: 2 });
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('drain 1/10: the machine gave a core no time for 837 ms; once more');
  });

  it('counts it in the end, however disturbed, and says that too', async () => {
    const { runs, repeated, said } = await numberOfRuns(99);
    expect({ runs, repeated }).toEqual({ runs: 4, repeated: 3 });
    expect(said.at(-1)).toContain('it counts all the same');
  });
});
