import { describe, expect, it } from 'vitest';
import { MOST_REPEATS, UndisturbedRuns } from './undisturbed.ts';

/** A machine that stands still for the first runs, one of which begins every 10 s. */
function machine(disturbedRuns: number): { longestDuring: (fromMs: number, toMs: number) => number } {
  return {
    longestDuring: (fromMs) => (fromMs < disturbedRuns * 10_000 ? 837 : 0),
  };
}

function outageOf(run: number): { fromMs: number; toMs: number } {
  return { fromMs: run * 10_000 - 5000, toMs: run * 10_000 - 4980 };
}

async function numberOfRuns(disturbedRuns: number): Promise<{ runs: number; repeated: number; said: string[] }> {
  const said: string[] = [];
  const undisturbed = new UndisturbedRuns(machine(disturbedRuns), (line) => said.push(line));
  let runs = 0;
  const result = await undisturbed.run('drain 1/10', async () => {
    runs += 1;
    return { run: runs, failings: [outageOf(runs)] };
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
    expect(said[0]).toContain('drain 1/10: outage 20 ms, the machine gave a core no time for 837 ms; once more');
  });

  it('counts one without an outage, whatever the machine did', async () => {
    const undisturbed = new UndisturbedRuns(machine(99), () => undefined);
    expect(await undisturbed.run('cordon 1/10', async () => ({ run: 'quiet', failings: [] }))).toBe('quiet');
    expect(undisturbed.repeated).toBe(0);
  });

  it('takes a standstill shortly before an outage for its cause, and no earlier one', async () => {
    const stall = { fromMs: 1000, toMs: 1100 };
    const watch = {
      longestDuring: (fromMs: number, toMs: number) => (stall.fromMs < toMs && stall.toMs > fromMs ? 100 : 0),
    };
    const repeatedFor = async (fromMs: number) => {
      const undisturbed = new UndisturbedRuns(watch, () => undefined);
      await undisturbed.run('drain 1/10', async () => ({ run: 0, failings: [{ fromMs, toMs: fromMs + 10 }] }));
      return undisturbed.repeated;
    };
    expect(await repeatedFor(1400)).toBe(MOST_REPEATS);
    expect(await repeatedFor(1700)).toBe(0);
  });

  it('counts it in the end, however disturbed, and says that too', async () => {
    const { runs, repeated, said } = await numberOfRuns(99);
    expect({ runs, repeated }).toEqual({ runs: MOST_REPEATS + 1, repeated: MOST_REPEATS });
    expect(said.at(-1)).toContain('it counts all the same');
  });
});
