/** The lines `key=value` of a supervisor's status file. */
export interface StatusLines {
  /** The value of a key, of its last line; empty when there is none. */
  readonly value: (key: string) => string;
  /** The values of all lines with a key. */
  readonly all: (key: string) => readonly string[];
}

/** What every supervisor reports of its process. */
export interface Judgement {
  /** SHA-256 of the last candidate it judged. */
  readonly candidateSha256: string;
  readonly result: 'accepted' | 'rejected';
  /** 0 right. Of the supervisor itself: 66 the candidate is unreadable. Others are the process' own, and its supervisor's. */
  readonly exitCode: number;
  /** SHA-256 of the configuration that runs; empty before the first. */
  readonly runningSha256: string;
  readonly acceptedTotal: number;
  readonly rejectedTotal: number;
  /** What is wrong with the candidate. */
  readonly messages: readonly string[];
}

function pairs(text: string): [string, string][] {
  return text
    .split('\n')
    .map((line) => /^([^=]+)=(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => [match[1] ?? '', match[2] ?? '']);
}

/** Reads the lines `key=value` of a status file; what is none is left out. */
export function statusLines(text: string): StatusLines {
  const lines = pairs(text);
  const values = new Map(lines);
  return {
    value: (key) => values.get(key) ?? '',
    all: (key) => lines.flatMap(([name, value]) => (name === key ? [value] : [])),
  };
}

/** The number of a process, or of a moment, in a status file; undefined while there is none. */
export function positiveOf(text: string): number | undefined {
  const number = Number(text);
  return number > 0 ? number : undefined;
}

/** What a supervisor says of the last candidate. One that has judged nothing yet has refused nothing. */
export function judgementOf({ value, all }: StatusLines): Judgement {
  return {
    candidateSha256: value('candidate_sha256'),
    result: value('result') === 'rejected' ? 'rejected' : 'accepted',
    exitCode: Number(value('exit_code')),
    runningSha256: value('running_sha256'),
    acceptedTotal: Number(value('accepted_total')),
    rejectedTotal: Number(value('rejected_total')),
    messages: all('message'),
  };
}
