/** How one of Kubernetes' tests ended. */
export interface Verdict {
  readonly result: 'passed' | 'failed' | 'skipped';
  /** What it said last, where it did not pass. */
  readonly why?: string;
}

const COUNTS = /(\d+) Passed.*?\| .*?(\d+) Failed/;
/** What Ginkgo calls a test that did not pass. */
const FAILURES = ['FAILED', 'TIMEDOUT', 'PANICKED', 'INTERRUPTED'];
const LONGEST_REASON = 300;

/** The first words of a failure, or of a reason to skip, on one line: not those of the mark that only says where. */
function reasonIn(output: string, mark: string): string | undefined {
  const [, ...told] = output.split(`[${mark}] `);
  const text = told.find((each) => !/^(?:in )?\[/.test(each)) ?? '';
  const words = text
    .split(/\n\s*(?:In \[|There were|Full Stack)|\n\n/)[0]
    ?.replaceAll(/\s+/g, ' ')
    .trim();
  return words?.slice(0, LONGEST_REASON) || undefined;
}

/**
 * What Ginkgo's output says of the one test that was to run. Pure.
 * @param output without colours
 */
export function verdictOf(output: string): Verdict {
  const [, passed, failed] = COUNTS.exec(output) ?? [];
  if (passed === undefined) return { result: 'failed', why: 'it ended without a result' };
  if (Number(failed) > 0) {
    const reasons = FAILURES.flatMap((mark) => reasonIn(output, mark) ?? []);
    return { result: 'failed', why: reasons[0] ?? 'no reason is given' };
  }
  if (passed === '1') return { result: 'passed' };
  const why = reasonIn(output, 'SKIPPED');
  if (why !== undefined) return { result: 'skipped', why };
  return { result: 'failed', why: `${passed} tests have this title` };
}
