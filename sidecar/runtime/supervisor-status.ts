import { type Judgement, judgementOf, positiveOf, type StatusLines, statusLines } from './status-lines.ts';

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

/** What the supervisor says of the redirects that it was asked for. */
export interface RedirectStatus {
  /** `none`, `applied`, `partly` (the rest is), `refused` (what was in force stays) or `failed`. */
  readonly state: string;
  /** What is not in force, and why. */
  readonly messages: readonly string[];
}

/** What the supervisor says of the virtual servers that it was asked for. */
export interface VirtualServerStatus {
  /** `none`, `applied`, `partly` (the rest is), `unavailable` (the kernel has no IPVS), or `refused` (what was in force stays). */
  readonly state: string;
  /** What is not in force, and why. */
  readonly messages: readonly string[];
}

/** What the supervisor says of the addresses that are to be on lo. */
export interface LoopbackStatus {
  /**
   * `none`, `applied`, `partly` (the rest is), `refused` (what was in force stays), or `silent`: nothing is there, for this process did not
   * answer.
   */
  readonly state: string;
  /** What is not in force, and why. */
  readonly messages: readonly string[];
}

/**
 * What the supervisor of keepalived last reported, field by field as it wrote it. Its exit codes are of `keepalived -t`: 4 configuration
 * error, 5 test error, 6 script security; and its own: 66 unreadable, 77 an address is this node's own, 78 a statement that it does not let
 * through.
 */
export interface SupervisorStatus extends Judgement {
  /** Undefined while keepalived does not run. */
  readonly keepalivedPid: number | undefined;
  readonly keepalivedVersion: string;
  /** Every address that keepalived may have put on an interface: what is there and is none of these is the node's own. */
  readonly listed: readonly ListedAddress[];
  /** What keepalived said when its states were asked for; empty before. */
  readonly instances: readonly InstanceState[];
  /** Absent where it puts nothing on lo, whatever it is asked for. */
  readonly loopback?: LoopbackStatus;
  /** Absent where it redirects nothing, whatever it is asked for. */
  readonly redirects?: RedirectStatus;
  /** Absent where it has none, whatever it is asked for. */
  readonly virtualServers?: VirtualServerStatus;
}

/** Far more than the instances of a node can have; what is beyond is not read. */
const MOST_LINES = 8192;

function listedAddress(text: string): ListedAddress[] {
  const [, device, address, prefix] = /^(\S{1,15}) ([0-9A-Fa-f.:]{2,45})\/(\d{1,3})$/.exec(text) ?? [];
  if (device === undefined || address === undefined) return [];
  return [{ device, address, prefixLength: Number(prefix) }];
}

function instanceState(text: string): InstanceState[] {
  const [, name, state] = /^(\S{1,255}) ([A-Z]{1,16})$/.exec(text) ?? [];
  return name === undefined || state === undefined ? [] : [{ name, state }];
}

function loopbackOf({ value, all }: StatusLines): Pick<SupervisorStatus, 'loopback'> {
  const state = value('loopback');
  return state === '' ? {} : { loopback: { state, messages: all('loopback_message') } };
}

function redirectsOf({ value, all }: StatusLines): Pick<SupervisorStatus, 'redirects'> {
  const state = value('redirects');
  return state === '' ? {} : { redirects: { state, messages: all('redirects_message') } };
}

function virtualServersOf({ value, all }: StatusLines): Pick<SupervisorStatus, 'virtualServers'> {
  const state = value('virtual_servers');
  return state === '' ? {} : { virtualServers: { state, messages: all('virtual_servers_message') } };
}

/** Reads the `key=value` lines of `supervisor.status`; unknown keys are left for newer readers. */
export function parseSupervisorStatus(text: string): SupervisorStatus {
  const lines = statusLines(text);
  return {
    ...judgementOf(lines),
    keepalivedPid: positiveOf(lines.value('keepalived_pid')),
    keepalivedVersion: lines.value('keepalived_version'),
    listed: lines.all('listed').slice(0, MOST_LINES).flatMap(listedAddress),
    instances: lines.all('instance').slice(0, MOST_LINES).flatMap(instanceState),
    ...loopbackOf(lines),
    ...redirectsOf(lines),
    ...virtualServersOf(lines),
  };
}
