import type { Clock, TimerHandle, Timers } from '../../common/clock.ts';
import { type CutterMemory, decideCuts, downServers, establishedOf, strandedOf } from './cutter.ts';
import { Doubts } from './doubts.ts';
import { aliveOf, type LifeMemory, listenForLife } from './life.ts';
import {
  type ObservedServer,
  readServersState,
  readSessions,
  readStatistics,
  type ServerStatistics,
} from './observed.ts';
import {
  afterClosing,
  NOTHING_REBALANCED,
  paceRebalancing,
  type RebalanceMemory,
  sessionsToClose,
  surplusOf,
} from './rebalance.ts';
import { type DesiredServers, drainingKeys, keyOf, reconcile, since, unreadyOf } from './reconcile.ts';
import { RuntimeApiError } from './runtime-api.ts';
import { API_SECTION } from './sections.ts';

/** What HAProxy shall have, and how it is treated. */
export interface BalancerPlan extends DesiredServers {
  /** How long a server that takes nothing new may keep what it has. */
  readonly shutdownAfterMs: number;
  readonly rebalance: { readonly enabled: boolean; readonly maxPerSecond: number; readonly tolerance: number };
}

/** HAProxy's runtime API. */
export interface Commands {
  /** @throws {RuntimeApiError} when there is no whole answer */
  run(commands: string): Promise<string>;
}

/** What happened, for the log. */
export type BalancerEvent =
  | { readonly kind: 'changed'; readonly what: string; readonly server: string; readonly commands: string }
  | { readonly kind: 'refused'; readonly commands: string; readonly answer: string }
  | { readonly kind: 'state'; readonly server: string; readonly up: boolean; readonly check: string }
  | { readonly kind: 'closed'; readonly why: string; readonly servers: string; readonly sessions: number | null }
  | { readonly kind: 'unreachable'; readonly problem: string | null };

interface BalancerDependencies {
  readonly commands: Commands;
  /** Whether a server's kernel says that nobody listens there. Never rejects. */
  readonly refuses: (server: ObservedServer) => Promise<boolean>;
  /** Whether a server accepts a connection. Never rejects. */
  readonly accepts: (server: ObservedServer) => Promise<boolean>;
  /** Whether an API server says that it is ready, by its address; undefined while that is not known. */
  readonly ready: (address: string) => boolean | undefined;
  /** Whether connections may be closed that are all right, for the sake of balance: not while the node gives its addresses away. */
  readonly mayRebalance: () => boolean;
  readonly onEvent: (event: BalancerEvent) => void;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** A backend, as it is now. */
export interface BackendView {
  readonly address: string;
  readonly state: 'up' | 'down' | 'draining' | 'leaving';
  /** Wall clock in milliseconds at which it was first seen so. */
  readonly sinceMs: number;
  /** Why it gets nothing new although it passes its checks and does not say that it is not ready; null when there is no such reason. */
  readonly doubt: string | null;
  /** What its last check found, in HAProxy's words; empty before the first. */
  readonly check: string;
  readonly sessions: number;
}

/** How often HAProxy is asked for the state of its servers: this much later at most are sessions of a dead one closed. */
const POLL_MS = 100;
/** The same while many connections come. */
const CROWDED_POLL_MS = 50;
/** The same while something is going on: a check failed, a server is quiet, or sessions are being closed. */
const BUSY_POLL_MS = 25;
/** How often it is asked whether its servers have their shares. */
const SHARES_MS = 250;
/** How often a server that refuses is asked whether it still does. */
const REFUSAL_MS = 500;
/** How often sessions are looked for that HAProxy forgot. */
const STRANDED_MS = 30_000;
/** The same after sessions were closed, until there was nothing any more. */
const STRANDED_SOON_MS = 1000;
/** HAProxy takes lines of 16 KiB; a command has 35 bytes. */
const COMMANDS_PER_LINE = 200;

/**
 * Keeps HAProxy's servers as they shall be, closes the sessions of those that are down, and evens out the others. It asks again and again
 * what HAProxy has and compares, so that after a restart of either all is as it was. HAProxy goes on without it, by its own checks.
 */
export class Balancer {
  readonly #dependencies: BalancerDependencies;
  #plan: BalancerPlan | undefined;
  #timer: TimerHandle;
  #running = false;
  #polling: Promise<void> | undefined;
  #observed: readonly ObservedServer[] = [];
  #statistics: readonly ServerStatistics[] = [];
  #cutting: CutterMemory = new Map();
  #life: LifeMemory = new Map();
  #refusing: ReadonlyMap<string, { readonly refused: boolean; readonly askedMs: number }> = new Map();
  #drainingSince: ReadonlyMap<string, number> = new Map();
  #states: ReadonlyMap<string, { readonly state: BackendView['state']; readonly sinceMs: number }> = new Map();
  #rebalance: RebalanceMemory = NOTHING_REBALANCED;
  #over: ReadonlySet<string> = new Set();
  #sharesDueMs = 0;
  readonly #doubts = new Doubts();
  #strandedDueMs = 0;
  #problem: string | null = null;
  #looks = 0;
  #refused = '';

  constructor(dependencies: BalancerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes what HAProxy shall have, and looks at once. */
  accept(plan: BalancerPlan): void {
    this.#plan = plan;
    if (this.#running) void this.poll();
  }

  /**
   * Takes that the node of an API server may be lost: that one gets nothing new until it has accepted a connection, or its checks have had the
   * time to tell, unless there is no other. Resolves when HAProxy was told, or cannot be. Never rejects.
   * @param address of the API server; one that is none is ignored
   */
  async lost(address: string): Promise<void> {
    const { accepts, clock } = this.#dependencies;
    const server = this.#observed.find(({ section, name }) => section === API_SECTION && name === address);
    if (server === undefined) return;
    this.#doubts.lost(address, clock.monotonicMs());
    void accepts(server).then((accepted) => {
      if (!accepted) return;
      this.#doubts.found(address);
      void this.poll();
    });
    await this.poll();
  }

  /** Why HAProxy cannot be told anything; null when it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** How often all was looked at and done by now: it stands still while this cannot look after HAProxy's servers. */
  get looks(): number {
    return this.#looks;
  }

  /** The API servers that HAProxy has now. */
  get backends(): readonly BackendView[] {
    return this.#observed
      .filter(({ section }) => section === API_SECTION)
      .map((server) => {
        const key = keyOf(server);
        const { state, sinceMs } = this.#states.get(key) ?? { state: 'down', sinceMs: 0 };
        const statistics = this.#statistics.find((each) => keyOf(each) === key);
        return {
          address: server.name,
          state,
          sinceMs,
          doubt: this.#doubts.of(server.name),
          check: statistics?.check ?? '',
          sessions: statistics?.sessions ?? 0,
        };
      });
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.poll();
  }

  /** Ends looking; may be called twice. */
  stop(): void {
    this.#running = false;
    this.#dependencies.timers.clearTimeout(this.#timer);
  }

  /** Looks and does what is due, now or as soon as the look that is under way has ended. Never rejects. */
  async poll(): Promise<void> {
    if (this.#polling !== undefined) await this.#polling;
    this.#polling ??= this.#pollOnce().finally(() => {
      this.#polling = undefined;
      this.#schedule();
    });
    return this.#polling;
  }

  get #isBusy(): boolean {
    return (
      this.#doubts.isUnsure ||
      this.#observed.some(({ failing }) => failing) ||
      [...this.#cutting.values()].some(({ done }) => done === 'established')
    );
  }

  #schedule(): void {
    const { timers } = this.#dependencies;
    timers.clearTimeout(this.#timer);
    const calmMs = this.#doubts.isCrowded ? CROWDED_POLL_MS : POLL_MS;
    if (this.#running) this.#timer = timers.setTimeout(() => void this.poll(), this.#isBusy ? BUSY_POLL_MS : calmMs);
  }

  async #pollOnce(): Promise<void> {
    const plan = this.#plan;
    if (plan === undefined) return;
    try {
      if (this.#statistics.length === 0) await this.#askStatistics();
      const observed = this.#readState(await this.#run('show servers state'));
      if (observed === undefined) throw new RuntimeApiError('HAProxy did not tell the state of its servers');
      this.#observed = observed;
      this.#report(null);
      const nowMs = this.#dependencies.clock.monotonicMs();
      // First of all: clients wait.
      await this.#cut(plan, observed, nowMs);
      await this.#listen(observed, nowMs);
      await this.#reconcile(plan, observed, nowMs);
      await this.#evenOutWhenDue(plan, nowMs);
      await this.#strandedWhenDue(plan, nowMs);
      this.#looks += 1;
    } catch (error) {
      if (!(error instanceof RuntimeApiError)) throw error;
      this.#report(error.message);
    }
  }

  async #cut(plan: BalancerPlan, observed: readonly ObservedServer[], nowMs: number): Promise<void> {
    await this.#askWhoRefuses(plan, observed, nowMs);
    const refusing = new Set([...this.#refusing].filter(([, { refused }]) => refused).map(([key]) => key));
    const alive = aliveOf(this.#life, observed, nowMs);
    const context = { alive, refusing, shutdownAfterMs: plan.shutdownAfterMs, nowMs };
    const { cuts, memory } = decideCuts(plan.sections, observed, this.#cutting, context);
    this.#cutting = memory;
    if (cuts.length === 0) return;
    const established = cuts.filter(({ which }) => which === 'established');
    if (established.length > 0) {
      const sessions = readSessions(await this.#run('show sess'));
      for (const cut of established) {
        const ids = establishedOf(cut, sessions);
        await this.#close(ids);
        this.#closed('the server is down', cut.servers[0], ids.length);
      }
    }
    for (const { which, servers } of cuts) {
      if (which === 'all') await this.#shutdown(servers);
    }
    this.#strandedDueMs = Math.min(this.#strandedDueMs, nowMs + STRANDED_SOON_MS);
  }

  async #askStatistics(): Promise<void> {
    this.#statistics = readStatistics(await this.#run('show stat -1 4 -1'));
  }

  /** What HAProxy counts up to it says itself: for a while, or as long as it cannot be reloaded, its thresholds are not those of the plan. */
  #readState(text: string): readonly ObservedServer[] | undefined {
    const full = new Map(this.#statistics.map((each) => [keyOf(each), each.fullHealth]));
    return readServersState(text, (server) => full.get(keyOf(server)) ?? Number.NEGATIVE_INFINITY);
  }

  async #listen(observed: readonly ObservedServer[], nowMs: number): Promise<void> {
    await this.#askStatistics();
    // What a server said counts when its connections end: of one whose are ended here that is no sign of life.
    const leftAlone = observed.filter((server) => (this.#cutting.get(keyOf(server))?.done ?? 'nothing') === 'nothing');
    this.#life = listenForLife(this.#life, leftAlone, this.#statistics, nowMs);
    this.#doubts.listen(observed, this.#statistics, nowMs);
    if (this.#doubts.isUnsure) this.#doubts.look(readSessions(await this.#run('show sess')), nowMs);
  }

  /** Of servers that are down: when they are first seen so, and now and then while they refuse. */
  async #askWhoRefuses(plan: BalancerPlan, observed: readonly ObservedServer[], nowMs: number): Promise<void> {
    const before = this.#refusing;
    const asked = downServers(plan.sections, observed).map(async (server) => {
      const key = keyOf(server);
      const known = before.get(key);
      if (known !== undefined && (!known.refused || nowMs < known.askedMs + REFUSAL_MS)) return [key, known] as const;
      return [key, { refused: await this.#dependencies.refuses(server), askedMs: nowMs }] as const;
    });
    this.#refusing = new Map(await Promise.all(asked));
  }

  async #reconcile(plan: BalancerPlan, observed: readonly ObservedServer[], nowMs: number): Promise<void> {
    const ready = (address: string) => this.#doubts.of(address) === null && this.#dependencies.ready(address);
    const unready = unreadyOf(observed, ready);
    const draining = drainingKeys(plan, observed, unready);
    const before = this.#drainingSince;
    this.#drainingSince = since(before, draining, nowMs);
    const isExpired = (key: string) => nowMs - (this.#drainingSince.get(key) ?? nowMs) >= plan.shutdownAfterMs;
    const expired = new Set([...draining].filter(isExpired));
    this.#acceptStates(plan, observed, draining);
    for (const change of reconcile(plan, observed, { unready, expired })) {
      const answer = await this.#run(change.commands);
      if (change.what !== null) this.#changed(change.what, change.commands, answer);
    }
    const sessions = new Map(this.#statistics.map((each) => [keyOf(each), each.sessions]));
    const late = [...expired].filter((key) => (sessions.get(key) ?? 0) > 0);
    if (late.length > 0) {
      await this.#shutdown(late);
      for (const key of late) this.#closed('the server had its time', key, sessions.get(key) ?? null);
    }
  }

  #acceptStates(plan: BalancerPlan, observed: readonly ObservedServer[], draining: ReadonlySet<string>): void {
    const { clock, onEvent } = this.#dependencies;
    const desired = new Set(plan.servers.map(keyOf));
    const before = this.#states;
    const states = observed.map((server) => {
      const key = keyOf(server);
      const state = stateOf(server, { draining: draining.has(key), leaving: !desired.has(key) });
      const known = before.get(key);
      return [key, known?.state === state ? known : { state, sinceMs: clock.wallMs() }] as const;
    });
    this.#states = new Map(states);
    for (const [key, { state }] of this.#states) {
      const was = before.get(key)?.state;
      if (was === undefined || (was === 'down') === (state === 'down')) continue;
      const check = this.#statistics.find((each) => keyOf(each) === key)?.check ?? '';
      onEvent({ kind: 'state', server: key, up: state !== 'down', check });
    }
  }

  async #evenOutWhenDue(plan: BalancerPlan, nowMs: number): Promise<void> {
    if (nowMs < this.#sharesDueMs) return;
    this.#sharesDueMs = nowMs + SHARES_MS;
    if (plan.rebalance.enabled && this.#dependencies.mayRebalance()) await this.#evenOut(plan, nowMs);
  }

  async #evenOut({ rebalance }: BalancerPlan, nowMs: number): Promise<void> {
    const usable = new Set(this.#observed.filter(({ up, admin }) => up && admin === 'ready').map(keyOf));
    const shares = this.#statistics.filter((each) => each.section === API_SECTION && usable.has(keyOf(each)));
    const surplus = surplusOf(shares, rebalance.tolerance);
    const budget = Math.max(1, Math.round((rebalance.maxPerSecond * SHARES_MS) / 1000));
    const { close, memory } = paceRebalancing(this.#rebalance, surplus, { budget, nowMs });
    this.#rebalance = memory;
    if (close.size === 0) return;
    const ids = sessionsToClose(API_SECTION, close, readSessions(await this.#run('show sess')));
    await this.#close(ids);
    this.#rebalance = afterClosing(memory, ids.length);
    if (ids.length > 0) this.#closed('others have fewer', [...close.keys()].join(', '), ids.length);
  }

  async #strandedWhenDue(plan: BalancerPlan, nowMs: number): Promise<void> {
    if (nowMs < this.#strandedDueMs) return;
    const ours = new Set(plan.sections.map(({ name }) => name));
    const sessions = readSessions(await this.#run('show sess')).filter(({ section }) => ours.has(section));
    const { stranded, over } = strandedOf(sessions, this.#over);
    this.#over = over;
    this.#strandedDueMs = nowMs + (over.size > 0 ? STRANDED_SOON_MS : STRANDED_MS);
    await this.#close(stranded);
    if (stranded.length > 0) this.#closed('HAProxy had forgotten them', 'any', stranded.length);
  }

  async #close(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += COMMANDS_PER_LINE) {
      const some = ids.slice(from, from + COMMANDS_PER_LINE);
      await this.#run(some.map((id) => `shutdown session ${id}`).join('; '));
    }
  }

  async #shutdown(keys: readonly string[]): Promise<void> {
    await this.#run(keys.map((key) => `shutdown sessions server ${key}`).join('; '));
  }

  #run(commands: string): Promise<string> {
    return this.#dependencies.commands.run(commands);
  }

  #changed(what: string, commands: string, answer: string): void {
    const server = /\S+\/\S+/.exec(commands)?.[0] ?? '';
    const said = answer.trim();
    if (said === '' || /^(New server registered|Server deleted|.*(changed from|no need to change))/.test(said)) {
      this.#dependencies.onEvent({ kind: 'changed', what, server, commands });
    } else if (said !== this.#refused) {
      // It is tried again at every look; said once.
      this.#refused = said;
      this.#dependencies.onEvent({ kind: 'refused', commands, answer: said });
    }
  }

  #closed(why: string, servers: string, sessions: number | null): void {
    this.#dependencies.onEvent({ kind: 'closed', why, servers, sessions });
  }

  #report(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#dependencies.onEvent({ kind: 'unreachable', problem });
  }
}

function stateOf(
  server: ObservedServer,
  { draining, leaving }: { readonly draining: boolean; readonly leaving: boolean },
): BackendView['state'] {
  if (leaving) return 'leaving';
  if (!server.up) return 'down';
  return draining ? 'draining' : 'up';
}
