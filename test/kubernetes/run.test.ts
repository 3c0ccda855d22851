import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait.ts';
import { runSpecs, type SpecResult, type Suite } from './run.ts';
import type { Spec } from './specs.ts';

/** Says what a test says that passed; one whose title has "fails" that it failed, and one that "hangs" nothing. */
const PROGRAM = `#!/bin/sh
echo "$@"
case "$*" in
*hangs*) echo begun >"$0.begun"; exec sleep 600 ;;
*fails*) echo '[FAILED] it did not'; echo; echo 'FAIL! -- 0 Passed | 1 Failed | 0 Pending | 9 Skipped' ;;
*) echo 'SUCCESS! -- 1 Passed | 0 Failed | 0 Pending | 9 Skipped' ;;
esac
`;

let folder: string;
let suite: Suite;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubernetes-tests-'));
  const program = join(folder, 'program');
  await writeFile(program, PROGRAM, { mode: 0o755 });
  suite = { program: [program], kubectl: '/kubectl', kubeconfig: '/kubeconfig', logs: join(folder, 'logs') };
});

afterEach(() => rm(folder, { recursive: true }));

const spec = (title: string): Spec => ({ title, group: 'neighbour', limitSeconds: 60, nodes: 2 });

async function run(titles: readonly string[], atOnce: number, signal = new AbortController().signal) {
  const results: SpecResult[] = [];
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  await runSpecs(suite, titles.map(spec), { atOnce, results, say, signal });
  return { results, said };
}

describe("running Kubernetes' tests", () => {
  it('runs one after the other, and goes on after one that fails', async () => {
    const { results, said } = await run(['one', 'it fails', 'two'], 1);
    expect(results.map(({ spec: { title }, result, why }) => [title, result, why])).toEqual([
      ['one', 'passed', undefined],
      ['it fails', 'failed', 'it did not'],
      ['two', 'passed', undefined],
    ]);
    expect(said[2]).toBe('2 of 3: it fails');
    expect(said[3]).toMatch(/^failed after \d+ s: it fails: it did not \(.*\/logs\/2-it-fails\.log\)$/);
  });

  it('runs all of them, whatever their number, several at once', async () => {
    const { results } = await run(['a', 'b', 'c', 'd', 'e'], 3);
    expect(results.map(({ spec: { title } }) => title).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('asks for exactly one title, and keeps what the test said', async () => {
    const { results } = await run(['what is (a) title?'], 1);
    const said = await readFile(results[0]?.log ?? '', 'utf8');
    const [, focus = ''] = /--ginkgo\.focus=(\S+)/.exec(said) ?? [];
    expect('it is what is (a) title? really').toMatch(new RegExp(focus));
    expect(said).toContain('--kubeconfig=/kubeconfig --kubectl-path=/kubectl');
    expect(said).toContain('--ginkgo.timeout=60s');
  });

  it('ends when it is interrupted, and begins no other', async () => {
    const controller = new AbortController();
    const running = run(['it hangs', 'one'], 1, controller.signal);
    await waitFor('the test to begin', () => readFile(join(folder, 'program.begun'), 'utf8').catch(() => undefined));
    controller.abort(new Error('interrupted'));
    await expect(running).rejects.toThrow('interrupted');
  });
});
