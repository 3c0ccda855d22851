/** What the supervisor of keepalived last reported, field by field as it wrote it. */
export interface SupervisorStatus {
  /** SHA-256 of the last candidate it judged. */
  readonly candidateSha256: string;
  readonly result: 'accepted' | 'rejected';
  /** Exit code of `keepalived -t`: 0 right, 4 configuration error, 5 test error, 6 script security. */
  readonly exitCode: number;
  /** SHA-256 of the configuration that runs; empty before the first. */
  readonly runningSha256: string;
  /** Undefined while keepalived does not run. */
  readonly keepalivedPid: number | undefined;
  readonly keepalivedVersion: string;
  readonly acceptedTotal: number;
  readonly rejectedTotal: number;
  /** What `keepalived -t` said of the candidate. */
  readonly messages: readonly string[];
}

function pairs(text: string): [string, string][] {
  return text
    .split('\n')
    .map((line) => /^([^=]+)=(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => [match[1] ?? '', match[2] ?? '']);
}

/** Reads the `key=value` lines of `supervisor.status`; unknown keys are left for newer readers. */
export function parseSupervisorStatus(text: string): SupervisorStatus {
  const lines = pairs(text);
  const values = new Map(lines);
  const value = (key: string): string => values.get(key) ?? '';
  const pid = Number(value('keepalived_pid'));
  return {
    candidateSha256: value('candidate_sha256'),
    result: value('result') === 'rejected' ? 'rejected' : 'accepted',
    exitCode: Number(value('exit_code')),
    runningSha256: value('running_sha256'),
    keepalivedPid: pid > 0 ? pid : undefined,
    keepalivedVersion: value('keepalived_version'),
    acceptedTotal: Number(value('accepted_total')),
    rejectedTotal: Number(value('rejected_total')),
    messages: lines.filter(([key]) => key === 'message').map(([, message]) => message),
  };
}
