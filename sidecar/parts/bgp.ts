import { uptime } from 'node:os';
import type { Logger } from 'pino';
import { IP_FAMILIES, type IpFamily, ipFamilyOf } from '../../api/ip-family.ts';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { BgpReport, BgpSession, BgpStatusFile } from '../runtime/bgp-status.ts';
import type { BgpSessionSnapshot, BgpSnapshot } from '../status/snapshot.ts';
import type { Part } from './part.ts';

/** As often as the supervisor tells. */
const LOOK_MS = 2000;
/** BIRD is given some seconds to answer, and machines stand still. What is older says nothing of now. */
const STALE_SECONDS = 20;
const LOG = 'its log says why (container bgp)';

/** A session, and since when it is so, as this process saw it. */
interface Seen {
  readonly session: BgpSession;
  readonly up: boolean | undefined;
  readonly sinceMs: number;
}

/**
 * Whether a session is up; undefined when BIRD does not try, for the router is on none of this node's networks: then there is nothing to
 * say of it. Pure.
 */
export function isUp({ state, lastError, waitsAfterError }: BgpSession): boolean | undefined {
  if (state === 'Established') return true;
  return state === 'Idle' && lastError === undefined && !waitsAfterError ? undefined : false;
}

/** Why nothing is known of the sessions; null when they are known. Pure. @param nowSeconds since the boot of the node */
export function silenceOf(report: BgpReport | undefined, nowSeconds: number): string | null {
  if (report === undefined) return `BIRD has told nothing yet; ${LOG}`;
  const age = nowSeconds - report.atSeconds;
  if (report.state === 'ended') return 'BIRD was asked to end, and does not run';
  if (age > STALE_SECONDS) return `nothing is known of BIRD since ${age.toFixed(0)} s; ${LOG}`;
  if (report.state === 'waiting') return `BIRD is not started, it has no configuration that it accepts; ${LOG}`;
  return report.state === 'running' ? null : `BIRD does not answer; ${LOG}`;
}

function known({ session, up, sinceMs }: Seen, bfd: boolean | undefined): BgpSessionSnapshot {
  const { peer, state, announced, lastError } = session;
  const notTried = up === undefined ? 'the router is on none of this node’s networks' : null;
  return { ...{ peer, state, up, sinceMs, announced, bfd }, reason: up === true ? null : (lastError ?? notTried) };
}

function unknown({ session: { peer } }: Seen, bfd: boolean | undefined): BgpSessionSnapshot {
  return { ...{ peer, state: 'unknown', up: undefined, sinceMs: undefined, announced: undefined }, bfd, reason: null };
}

/** What the two containers with BIRD tell. */
export interface BgpFiles {
  /** The one that announces. */
  readonly bgp: Pick<BgpStatusFile, 'read'>;
  /** The one that speaks BFD; there is nothing to read where no router is spoken to. */
  readonly bfd: Pick<BgpStatusFile, 'read'>;
}

interface BgpDependencies {
  readonly files: BgpFiles;
  /** Whether the release announces. */
  readonly wanted: () => boolean;
  /** Called when {@link Bgp.families} changed. */
  readonly onFamilies: () => void;
  readonly log: Logger;
  /** Seconds since the boot of the node. */
  readonly uptimeSeconds?: () => number;
  readonly clock?: Pick<Clock, 'wallMs'>;
}

/** What BIRD says of its sessions with routers. Nothing is decided by it. */
export class Bgp implements Part {
  readonly #dependencies: Required<BgpDependencies>;
  #report: BgpReport | undefined;
  #bfdReport: BgpReport | undefined;
  #seen: readonly Seen[] = [];
  /** When there was a session of a family last, in seconds since the boot of the node. */
  readonly #upAtSeconds = new Map<IpFamily, number>();
  #toldFamilies = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: BgpDependencies) {
    this.#dependencies = { uptimeSeconds: uptime, clock: systemClock, ...dependencies };
  }

  async start(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
    await this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What is known now; null where nothing is announced. */
  get view(): BgpSnapshot | null {
    if (!this.#dependencies.wanted()) return null;
    const silence = this.#silence();
    const messages = this.#report?.messages ?? [];
    return {
      answers: silence === null,
      problems: silence === null ? messages : [silence, ...messages],
      sessions: this.#seen.map((seen) => (silence === null ? known : unknown)(seen, this.#bfdOf(seen))),
    };
  }

  /**
   * Families of which there is a session with a router, or was within {@link STALE_SECONDS}: a session that comes and goes, or a BIRD that
   * begins anew, is not worth a report to the whole cluster. Null where nothing is announced.
   */
  get families(): readonly IpFamily[] | null {
    if (!this.#dependencies.wanted()) return null;
    const sinceSeconds = this.#dependencies.uptimeSeconds() - STALE_SECONDS;
    return IP_FAMILIES.filter((family) => (this.#upAtSeconds.get(family) ?? Number.NEGATIVE_INFINITY) >= sinceSeconds);
  }

  /** Reads what BIRD's supervisor told last. Never rejects. */
  async look(): Promise<void> {
    if (!this.#dependencies.wanted()) return;
    const { files } = this.#dependencies;
    [this.#report, this.#bfdReport] = await Promise.all([files.bgp.read(), files.bfd.read()]);
    // What was known before stays in the list: that nothing is known of a router is worth a line.
    if (this.#report !== undefined && this.#silence() === null) this.#take(this.#report);
    this.#reviewFamilies();
  }

  #reviewFamilies(): void {
    const families = this.families?.join() ?? '';
    if (families === this.#toldFamilies) return;
    this.#toldFamilies = families;
    this.#dependencies.onFamilies();
  }

  /** Whether BFD with a router is up; undefined where none is spoken with it, and while nothing is known. */
  #bfdOf({ session: { peer } }: Seen): boolean | undefined {
    if (silenceOf(this.#bfdReport, this.#dependencies.uptimeSeconds()) !== null) return undefined;
    return this.#bfdReport?.bfdSessions.find((each) => each.peer === peer)?.up;
  }

  #silence(): string | null {
    return silenceOf(this.#report, this.#dependencies.uptimeSeconds());
  }

  #take({ sessions, atSeconds }: BgpReport): void {
    const before = new Map(this.#seen.map((seen) => [seen.session.peer, seen]));
    const nowMs = this.#dependencies.clock.wallMs();
    this.#seen = sessions.map((session): Seen => {
      const up = isUp(session);
      // A session announces the addresses of its own family only.
      if (up === true) this.#upAtSeconds.set(ipFamilyOf(session.peer), atSeconds);
      const last = before.get(session.peer);
      if (last !== undefined && last.up === up) return { session, up, sinceMs: last.sinceMs };
      this.#tell(session, up);
      return { session, up, sinceMs: nowMs };
    });
  }

  #tell({ peer, state, lastError }: BgpSession, up: boolean | undefined): void {
    const { log } = this.#dependencies;
    if (up === true) log.info({ peer }, 'the session with a router is up');
    else if (up === false) log.warn({ peer, state, reason: lastError }, 'the session with a router is down');
    else log.info({ peer }, 'a router is on none of this node’s networks');
  }
}
