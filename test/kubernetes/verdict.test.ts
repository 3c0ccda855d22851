import { describe, expect, it } from 'vitest';
import { verdictOf } from './verdict.ts';

const closing = (passed: number, failed: number) => `
Ran ${passed + failed} of 765 Specs in 12.345 seconds
${failed > 0 ? 'FAIL!' : 'SUCCESS!'} -- ${passed} Passed | ${failed} Failed | 0 Pending | 764 Skipped
`;

describe('the verdict', () => {
  it('is passed where the one test passed', () => {
    expect(verdictOf(`STEP: something\n• [12.3 seconds]\n${closing(1, 0)}`)).toEqual({ result: 'passed' });
  });

  it('has the first words of a failure on one line', () => {
    const said = `I1130 log\n[FAILED] affinity should hold but\n  didn't.\nIn [It] at: k8s.io/service.go:4 @ 11/30/26\n[FAILED] later\n`;
    expect(verdictOf(said + closing(0, 1))).toEqual({
      result: 'failed',
      why: "affinity should hold but didn't.",
    });
  });

  it('has the limit as the reason where a test went over it', () => {
    const said =
      '  [TIMEDOUT] in [It] - k8s.io/x.go:1\n  [TIMEDOUT] A suite timeout occurred\n  In [It] at: k8s.io/x.go:1\n';
    expect(verdictOf(said + closing(0, 1))).toEqual({ result: 'failed', why: 'A suite timeout occurred' });
  });

  it('is skipped, with the reason, where the test said so itself', () => {
    const said = `  [SKIPPED] in [It] - k8s.io/x.go:1 @ 11/30/26
  I1130 16:42:08 helper.go:125] Waiting
S [SKIPPED] [0.080 seconds]
[sig-network] Services
  [SKIPPED] Test requires >= 2 Ready nodes, but there are only 1 nodes
  In [It] at: k8s.io/x.go:1
`;
    expect(verdictOf(said + closing(0, 0))).toEqual({
      result: 'skipped',
      why: 'Test requires >= 2 Ready nodes, but there are only 1 nodes',
    });
  });

  it.each([
    ['nothing at all', '', 'it ended without a result'],
    ['no test of this title', closing(0, 0), '0 tests have this title'],
    ['several of this title', closing(2, 0), '2 tests have this title'],
  ])('is failed after %s', (_, said, why) => {
    expect(verdictOf(said)).toEqual({ result: 'failed', why });
  });
});
