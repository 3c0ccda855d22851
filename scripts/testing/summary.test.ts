import { describe, expect, it } from 'vitest';
import { repeatedLines } from './report.ts';
import { judged } from './runners.ts';
import { addUp, closingLine, junitSummary, vitestSummary } from './summary.ts';

const file = (name: string, status: string, ...tests: [string, string, string[]?][]) => ({
  name: `/checkout/${name}`,
  status,
  assertionResults: tests.map(([fullName, state, repeats]) => ({
    fullName,
    status: state,
    meta: repeats === undefined ? {} : { repeats },
  })),
});
const vitest = (...testResults: ReturnType<typeof file>[]) =>
  vitestSummary(JSON.stringify({ testResults }), '/checkout');

describe("vitest's report", () => {
  it('is counted by test, and skipped ones are named', () => {
    const summary = vitest(
      file('a.test.ts', 'failed', ['a works', 'passed'], ['a fails', 'failed']),
      file('b.test.ts', 'passed', ['b is skipped', 'skipped'], ['b waits', 'todo'], ['b is left out', 'pending']),
    );
    expect(summary).toEqual({
      passed: 1,
      failed: 1,
      skipped: 3,
      failures: ['a.test.ts: a fails'],
      skippedNames: ['b.test.ts: b is skipped', 'b.test.ts: b waits', 'b.test.ts: b is left out'],
      repeatedNames: [],
    });
  });

  it('names what failed with the first line of why, cut where it is long', () => {
    const failed = (fullName: string, ...failureMessages: string[]) => ({
      fullName,
      status: 'failed',
      failureMessages,
    });
    const [named, long, bare] = [
      failed('a says why', '\u001b[31mError: no\u001b[39m\n    at b.ts:1'),
      failed('a says much', 'x'.repeat(1000)),
      failed('a says nothing'),
    ];
    const json = JSON.stringify({
      testResults: [
        { name: '/checkout/a.test.ts', status: 'failed', assertionResults: [named, long, bare] },
        { name: '/checkout/b.test.ts', status: 'failed', message: 'no such module\nmore', assertionResults: [] },
      ],
    });
    expect(vitestSummary(json, '/checkout').failures).toEqual([
      'a.test.ts: a says why: Error: no',
      `a.test.ts: a says much: ${'x'.repeat(300)}…`,
      'a.test.ts: a says nothing',
      'b.test.ts: no such module',
    ]);
  });

  it('names what was done again, whatever came of it', () => {
    const summary = vitest(
      file('a.test.ts', 'failed', ['calm', 'passed'], ['hasty', 'passed', ['no time for 31 ms']]),
      file('b.test.ts', 'failed', ['wrong', 'failed', ['no time for 25 ms', 'no time for 28 ms']]),
    );
    expect(summary.repeatedNames).toEqual([
      'a.test.ts: hasty (done again once, passed): no time for 31 ms',
      'b.test.ts: wrong (done again 2 times, failed): no time for 25 ms; no time for 28 ms',
    ]);
  });

  it('counts a file that failed outside its tests as one failure', () => {
    expect(vitest(file('broken-import.test.ts', 'failed'))).toMatchObject({ passed: 0, failed: 1 });
    expect(vitest(file('broken-hook.test.ts', 'failed', ['never ran', 'skipped']))).toMatchObject({
      failed: 1,
      skipped: 1,
    });
  });
});

describe("helm-unittest's report", () => {
  it('is counted by test, and skipped ones are named', () => {
    const xml = `<testsuites>
      <testsuite id="0" tests="3" failures="1" errors="0" name="pod">
        <properties><property name="helm-unittest.version" value="1.6"></property></properties>
        <testcase classname="pod" name="is good" time="0.001"></testcase>
        <testcase classname="pod" name="is bad"><failure message="Failed" type=""> - asserts[0] fail</failure></testcase>
        <testcase classname="pod" name="is skipped"><skipped message="SKIPPED"></skipped></testcase>
      </testsuite>
      <testsuite id="1" tests="1" failures="0" errors="0" name="service"><testcase classname="service" name="x"/></testsuite>
    </testsuites>`;
    expect(junitSummary(xml)).toEqual({
      passed: 2,
      failed: 1,
      skipped: 1,
      failures: ['pod: is bad: - asserts[0] fail'],
      skippedNames: ['pod: is skipped'],
      repeatedNames: [],
    });
  });

  it('counts a suite that failed outside its tests as one failure', () => {
    expect(
      junitSummary('<testsuites><testsuite tests="0" errors="1" name="broken"></testsuite></testsuites>'),
    ).toMatchObject({
      passed: 0,
      failed: 1,
    });
  });
});

describe('judged', () => {
  const good = { passed: 3, failed: 0, skipped: 0, failures: [], skippedNames: [], repeatedNames: [] };

  it('adds a failure when a runner failed without a failed test, and says so', () => {
    const said: string[] = [];
    const summary = judged('vitest', { failed: true, exitCode: 1 }, good, (line) => said.push(line));
    expect(summary).toMatchObject({ passed: 3, failed: 1 });
    expect(said).toEqual(['vitest failed (exit 1) without a failed test']);
  });

  it('counts a failed test once', () => {
    expect(judged('vitest', { failed: true, exitCode: 1 }, { ...good, failed: 2 })).toMatchObject({ failed: 2 });
  });

  it('counts a runner that wrote no report as a failure, and says so', () => {
    const said: string[] = [];
    const summary = judged('vitest', { failed: false, exitCode: 0 }, undefined, (line) => said.push(line));
    expect(summary).toMatchObject({ passed: 0, failed: 1 });
    expect(said).toEqual(['vitest wrote no report']);
  });
});

describe('the report', () => {
  it('says how many tests were done again, and which', () => {
    expect(repeatedLines({ repeatedNames: [] })).toEqual([]);
    expect(repeatedLines({ repeatedNames: ['a', 'b'] })).toEqual([
      'tests done again because the machine stood still while they failed: 2',
      'REPEATED: a',
      'REPEATED: b',
    ]);
  });
});

describe('closingLine', () => {
  it('sums up all runners', () => {
    const one = { passed: 2, failed: 1, skipped: 0, failures: [], skippedNames: [], repeatedNames: [] };
    const two = { passed: 5, failed: 0, skipped: 1, failures: [], skippedNames: ['x'], repeatedNames: [] };
    expect(closingLine(addUp([one, two]))).toBe('7 passed, 1 failed, 1 skipped');
  });
});
