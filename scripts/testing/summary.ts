import { stripVTControlCharacters } from 'node:util';

/** How many tests did what, and which were skipped. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Tests that failed, with the first line of what they said: what a log keeps of its end names them then. */
  readonly failures: readonly string[];
  readonly skippedNames: readonly string[];
  /** Tests that were done again because the machine stood still while they failed, with how often and why. */
  readonly repeatedNames: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    /** What failed outside the tests. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
      /** What tests leave for the report; see test/support/machine-watch.ts. */
      readonly meta?: { readonly repeats?: readonly string[] };
    }[];
  }[];
}

/**
 * Sums up vitest's JSON report. A file that failed outside its tests (an import, a hook) counts as one failure.
 * @param json text of the report
 * @param root folder that file names are shown relative to
 */
export function vitestSummary(json: string, root: string): Summary {
  const report = JSON.parse(json) as VitestReport;
  return addUp(report.testResults.map((file) => fileSummary(file, root)));
}

function fileSummary(file: VitestReport['testResults'][number], root: string): Summary {
  const count = (...statuses: string[]) => file.assertionResults.filter(({ status }) => statuses.includes(status));
  const skipped = count('pending', 'skipped', 'todo', 'disabled');
  const failed = count('failed');
  const fileName = file.name.replace(`${root}/`, '');
  const nameOf = (fullName: string) => `${fileName}: ${fullName.trim()}`;
  const failures = failed.map(({ fullName, failureMessages }) => withReason(nameOf(fullName), failureMessages?.[0]));
  if (failed.length === 0 && file.status === 'failed') failures.push(withReason(fileName, file.message));
  return {
    passed: count('passed').length,
    failed: failures.length,
    skipped: skipped.length,
    failures,
    skippedNames: skipped.map(({ fullName }) => nameOf(fullName)),
    repeatedNames: file.assertionResults.flatMap(({ fullName, status, meta: { repeats = [] } = {} }) => {
      const times = `done again ${repeats.length === 1 ? 'once' : `${repeats.length} times`}`;
      return repeats.length === 0 ? [] : [`${nameOf(fullName)} (${times}, ${status}): ${repeats.join('; ')}`];
    }),
  };
}

const REASON_LENGTH = 300;

/** A test's name with the first line of why it failed, which may be megabytes long. */
function withReason(name: string, reason: string | undefined): string {
  const line =
    stripVTControlCharacters(reason ?? '')
      .trim()
      .split('\n', 1)[0]
      ?.trim() ?? '';
  if (line === '') return name;
  return `${name}: ${line.length > REASON_LENGTH ? `${line.slice(0, REASON_LENGTH)}…` : line}`;
}

/**
 * Sums up helm-unittest's JUnit report. A suite that failed outside its tests counts as one failure.
 * @param xml text of the report
 */
export function junitSummary(xml: string): Summary {
  return addUp([...xml.matchAll(/<testsuite\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testsuite>)/g)].map(suiteSummary));
}

function suiteSummary([, attributes = '', body = '']: RegExpExecArray | RegExpMatchArray): Summary {
  const cases = [...body.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  const having = (pattern: RegExp) => cases.filter(([, , inner = '']) => pattern.test(inner));
  const skipped = having(/<skipped\b/);
  const failed = having(/<(failure|error)\b/);
  const suiteFailures = number(attributes, 'failures') + number(attributes, 'errors');
  const suite = attribute(attributes, 'name');
  const nameOf = ([, own = '']: RegExpMatchArray) => `${suite}: ${attribute(own, 'name')}`;
  const failures = failed.map((each) => withReason(nameOf(each), each[2]?.replace(/<[^>]*>/g, '')));
  if (failed.length === 0 && suiteFailures > 0) failures.push(suite);
  return {
    passed: cases.length - skipped.length - failed.length,
    failed: failures.length,
    skipped: skipped.length,
    failures,
    skippedNames: skipped.map(nameOf),
    repeatedNames: [],
  };
}

function attribute(attributes: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
}

function number(attributes: string, name: string): number {
  return Number(attribute(attributes, name) || 0);
}

/** The sum of several summaries. */
export function addUp(parts: readonly Summary[]): Summary {
  const sum = (pick: (part: Summary) => number) => parts.reduce((total, part) => total + pick(part), 0);
  return {
    passed: sum((part) => part.passed),
    failed: sum((part) => part.failed),
    skipped: sum((part) => part.skipped),
    failures: parts.flatMap((part) => part.failures),
    skippedNames: parts.flatMap((part) => part.skippedNames),
    repeatedNames: parts.flatMap((part) => part.repeatedNames),
  };
}

/** The line that a run of the tests ends with, `12 passed, 0 failed, 1 skipped`. */
export function closingLine(summary: Summary): string {
  return `${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`;
}
