/** An address on an interface of the node. */
export interface ListedAddress {
  readonly device: string;
  /** As the configuration spells it. */
  readonly address: string;
  readonly prefixLength: number;
}

/** The VRRP state of one instance, as keepalived reports it. */
export interface InstanceState {
  readonly name: string;
  /** `MASTER`, `BACKUP`, `FAULT` or `INIT`. */
  readonly state: string;
}

/** What the supervisor of keepalived last reported, field by field as it wrote it. */
export interface SupervisorStatus {
  /** SHA-256 of the last candidate it judged. */
  readonly candidateSha256: string;
  readonly result: 'accepted' | 'rejected';
  /**
   * 0 right. Of `keepalived -t`: 4 configuration error, 5 test error, 6 script security. Of the supervisor itself: 66 unreadable,
   * 77 an address is this node's own, 78 a statement that it does not let through.
   */
  readonly exitCode: number;
  /** SHA-256 of the configuration that runs; empty before the first. */
  readonly runningSha256: string;
  /** Undefined while keepalived does not run. */
  readonly keepalivedPid: number | undefined;
  readonly keepalivedVersion: string;
  readonly acceptedTotal: number;
  readonly rejectedTotal: number;
  /** What is wrong with the candidate, or what `keepalived -t` said of it. */
  readonly messages: readonly string[];
  /** Every address that keepalived may have put on an interface: what is there and is none of these is the node's own. */
  readonly listed: readonly ListedAddress[];
  /** What keepalived said when its states were asked for; empty before. */
  readonly instances: readonly InstanceState[];
}

/** Far more than the instances of a node can have; what is beyond is not read. */
const MOST_LINES = 8192;

function pairs(text: string): [string, string][] {
  return text
    .split('\n')
    .map((line) => /^([^=]+)=(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => [match[1] ?? '', match[2] ?? '']);
}

function listedAddress(text: string): ListedAddress[] {
  const [, device, address, prefix] = /^(\S{1,15}) ([0-9A-Fa-f.:]{2,45})\/(\d{1,3})$/.exec(text) ?? [];
  if (device === undefined || address === undefined) return [];
  return [{ device, address, prefixLength: Number(prefix) }];
}

function instanceState(text: string): InstanceState[] {
  const [, name, state] = /^(\S{1,255}) ([A-Z]{1,16})$/.exec(text) ?? [];
  return name === undefined || state === undefined ? [] : [{ name, state }];
}

/** Reads the `key=value` lines of `supervisor.status`; unknown keys are left for newer readers. */
export function parseSupervisorStatus(text: string): SupervisorStatus {
  const lines = pairs(text);
  const values = new Map(lines);
  const value = (key: string): string => values.get(key) ?? '';
  const all = (key: string): string[] => lines.flatMap(([name, text]) => (name === key ? [text] : []));
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
    messages: all('message'),
    listed: all('listed').slice(0, MOST_LINES).flatMap(listedAddress),
    instances: all('instance').slice(0, MOST_LINES).flatMap(instanceState),
  };
}
