/*
 * What HAProxy's runtime API answers (haproxy management manual, section 9.3), read. Pure.
 */

/** A server as HAProxy has it now. */
export interface ObservedServer {
  readonly section: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Its checks let it be used; one that is not checked always can. */
  readonly up: boolean;
  /** It is up, and its last check failed: it may be down soon. */
  readonly failing: boolean;
  /** It is down, and has passed a check since: it may be up soon. */
  readonly recovering: boolean;
  /** What the operator's side asks of it: nothing new in `drain`, nothing at all in `maint`. */
  readonly admin: 'ready' | 'drain' | 'maint';
}

/** What a server does. */
export interface ServerStatistics {
  readonly section: string;
  readonly name: string;
  /** Connections that it has now. */
  readonly sessions: number;
  /** Connections that it was given so far. */
  readonly begun: number;
  /** What it has said in those that ended. */
  readonly bytes: number;
  /** What share it is given, in percent of its own weight; less while it starts slowly. */
  readonly weight: number;
  /** What the last check found, in HAProxy's words; empty before the first. */
  readonly check: string;
  /** What its checks are counted up to, `rise` and `fall` less one; less than 0 for one that is not checked. */
  readonly fullHealth: number;
}

/** A connection through the proxy. */
export interface ObservedSession {
  /** By which it can be named: valid while it lives. */
  readonly id: string;
  readonly section: string;
  readonly server: string;
  readonly ageSeconds: number;
  /** How far its server's side is: not yet connected, connected, or closed. */
  readonly serverSide: 'connecting' | 'established' | 'closed';
  /** The client's words were handed on, and the server has not said one. */
  readonly unanswered: boolean;
}

/** SRV_ADMF_*MAINT and SRV_ADMF_*DRAIN, as `show servers state` documents them. */
const MAINT_BITS = 0x01 | 0x02 | 0x04 | 0x20;
const DRAIN_BITS = 0x08 | 0x10;
/** CHK_RES_FAILED, of the last check: not while the next one is under way. */
const CHECK_FAILED = 2;
/** HCHK_STATUS_INI: no check has ended yet. What is below is not checked at all. */
const NEVER_CHECKED = 1;

/**
 * Reads the answer to `show servers state`, whose columns its own head names.
 * @param fullHealthOf what the checks of a server are counted up to. While it is up the count is less only when its last check failed
 * @returns undefined when it is no such answer
 */
export function readServersState(
  text: string,
  fullHealthOf: (server: Pick<ObservedServer, 'section' | 'name'>) => number,
): readonly ObservedServer[] | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  const head = lines
    .find((line) => line.startsWith('# '))
    ?.slice(2)
    .split(' ');
  if (head === undefined) return undefined;
  const rows = lines.filter((line) => line.includes(' ') && !line.startsWith('#'));
  return rows.map((line) => observedServer(recordOf(head, line.split(' ')), fullHealthOf));
}

function observedServer(
  value: (name: string) => string,
  fullHealthOf: Parameters<typeof readServersState>[1],
): ObservedServer {
  const [section, name] = [value('be_name'), value('srv_name')];
  const [result, health] = [Number(value('srv_check_result')), Number(value('srv_check_health'))];
  const isChecked = Number(value('srv_check_status')) > NEVER_CHECKED;
  const admin = Number(value('srv_admin_state'));
  const up = Number(value('srv_op_state')) !== 0;
  return {
    section,
    name,
    address: value('srv_addr'),
    port: Number(value('srv_port')),
    up,
    failing: up && (result === CHECK_FAILED || (isChecked && health < fullHealthOf({ section, name }))),
    // What counts passed checks in a row while it is down is 0 again with each that fails.
    recovering: !up && isChecked && health > 0,
    admin: adminOf(admin),
  };
}

function adminOf(bits: number): ObservedServer['admin'] {
  if ((bits & MAINT_BITS) !== 0) return 'maint';
  return (bits & DRAIN_BITS) !== 0 ? 'drain' : 'ready';
}

/** Reads the answer to `show stat`, of servers alone. */
export function readStatistics(text: string): readonly ServerStatistics[] {
  const [head = '', ...rows] = text.split('\n').filter((line) => line !== '');
  const names = head.replace(/^# /, '').split(',');
  const records = rows.map((line) => recordOf(names, line.split(',')));
  return records
    .filter((value) => value('type') === '2')
    .map((value) => ({
      section: value('pxname'),
      name: value('svname'),
      sessions: Number(value('scur')),
      begun: Number(value('stot')),
      bytes: Number(value('bout')),
      weight: Number(value('weight')),
      check: [value('check_desc'), value('last_chk')].filter((part) => part !== '').join(': '),
      fullHealth: Number(value('check_rise')) + Number(value('check_fall')) - 1,
    }));
}

function recordOf(names: readonly string[], values: readonly string[]): (name: string) => string {
  return (name) => values[names.indexOf(name)] ?? '';
}

const SESSION =
  /^(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) .*\bage=(\S+) .*\brq\[f=([0-9a-f]+)h.*\brp\[f=([0-9a-f]+)h.*\bscb=\[(\d+),/;
/** CF_WROTE_DATA of HAProxy's channel-t.h: some data were sent from this buffer. */
const WROTE_DATA = 0x0004_0000;
/** SC_ST_EST of HAProxy's stconn-t.h; what is below is on its way, what is above is over. */
const ESTABLISHED = 8;

/** Reads the answer to `show sess`: connections that have a server. */
export function readSessions(text: string): readonly ObservedSession[] {
  return text.split('\n').flatMap((line): ObservedSession[] => {
    const [, id = '', section = '', server = '', age = '', asked = '', said = '', state = ''] =
      SESSION.exec(line) ?? [];
    if (id === '' || server === '<none>') return [];
    const serverSide = sideOf(Number(state));
    const unanswered = serverSide === 'established' && wroteData(asked) && !wroteData(said);
    return [{ id, section, server, ageSeconds: secondsOf(age), serverSide, unanswered }];
  });
}

function wroteData(flags: string): boolean {
  return (Number.parseInt(flags, 16) & WROTE_DATA) !== 0;
}

function sideOf(state: number): ObservedSession['serverSide'] {
  if (state === ESTABLISHED) return 'established';
  return state < ESTABLISHED ? 'connecting' : 'closed';
}

const UNITS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 };

/** A time as HAProxy shows it to people: `3s`, `1m12s`, `1d2h`. */
function secondsOf(text: string): number {
  const parts = [...text.matchAll(/(\d+)([dhms])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}
