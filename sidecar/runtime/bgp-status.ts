import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { SharedDirectory } from './shared-directory.ts';
import { statusLines } from './status-lines.ts';

/** A session with a router, as BIRD last told of it. */
export interface BgpSession {
  /** The router's address. */
  readonly peer: string;
  /** BIRD's word: `Established`, `Active`, `Connect`, `Idle`, `Down` and others. */
  readonly state: string;
  /** How many addresses the router was told; undefined while there is no session. */
  readonly announced: number | undefined;
  /** Why the last session ended, or the last attempt failed; undefined when nothing failed since the last session began. */
  readonly lastError: string | undefined;
  /** Whether BIRD waits before it tries again. */
  readonly waitsAfterError: boolean;
}

/** What the BIRD that speaks BFD says of a router. */
export interface BfdSession {
  /** The router's address. */
  readonly peer: string;
  /** Whether the router answers. */
  readonly up: boolean;
}

/** What the supervisor of BIRD last told. */
export interface BgpReport {
  /** When: seconds since the boot of the node (the first number of /proc/uptime), which no change of the clock moves. */
  readonly atSeconds: number;
  /**
   * `running`: BIRD answers. `silent`: it does not. `waiting`: it is not started, for there is no configuration that it accepts. `ended`: it
   * was asked to end.
   */
  readonly state: string;
  /** What is not as it should be, in sentences. */
  readonly messages: readonly string[];
  /** None unless BIRD answers. */
  readonly sessions: readonly BgpSession[];
  /** The same, of the BIRD that speaks BFD; the other one has none. */
  readonly bfdSessions: readonly BfdSession[];
}

/** In the directory that BIRD's container writes to. */
const FILE = 'bird.status';
/** A session has some fifty lines. What is beyond is not read: who took BIRD over from the network writes what he likes. */
const MOST_BYTES = 256 * 1024;
const MOST_MESSAGES = 20;
const MOST_SESSIONS = 256;
/** BIRD's own lines are shorter. */
const MOST_LINE = 300;

/**
 * The value of a line of BIRD's `show protocols all`.
 * @param value a pattern that does not begin like a space and end in something else: a line of spaces would take the square of its length
 */
function field(block: string, name: string, value: string): string | undefined {
  return new RegExp(`^ +${name}: +${value}`, 'm').exec(block)?.[1];
}

function session(block: string): BgpSession[] {
  const peer = field(block, 'Neighbor address', '([0-9a-f.:]{2,45})(?:%\\S+)?$');
  const state = field(block, 'BGP state', '([A-Za-z]{1,20})$');
  if (peer === undefined || state === undefined) return [];
  const announced = /\b(\d{1,9}) exported/.exec(field(block, 'Routes', '([^\\n]*)') ?? '')?.[1];
  return [
    {
      ...{ peer, state },
      announced: announced === undefined ? undefined : Number(announced),
      lastError: field(block, 'Last error', '([ -~]{1,200})')?.trim(),
      waitsAfterError: /^ +Error wait:/m.test(block),
    },
  ];
}

/** Sessions in what BIRD answers to `show protocols all`: a protocol begins where a line does not begin with a space. */
function sessionsIn(lines: readonly string[]): BgpSession[] {
  const blocks = lines
    .map((line) => line.slice(0, MOST_LINE))
    .join('\n')
    .split(/\n(?=\S)/);
  return blocks
    .filter((block) => /^\S+ +BGP /.test(block))
    .slice(0, MOST_SESSIONS)
    .flatMap(session);
}

/** Sessions in what BIRD answers to `show bfd sessions`: a line has address, interface, state, and times. */
function bfdSessionsIn(lines: readonly string[]): BfdSession[] {
  return lines.slice(0, MOST_SESSIONS).flatMap((line) => {
    const [, peer, state] =
      /^([0-9a-f.:]{2,45})(?:%\S+)? +\S+ +(Up|Init|Down|AdminDown) /.exec(line.slice(0, MOST_LINE)) ?? [];
    return peer === undefined ? [] : [{ peer, up: state === 'Up' }];
  });
}

/** Reads the lines `key=value` that BIRD's supervisor writes; undefined when they are not whole. Pure. */
export function parseBgpReport(text: string): BgpReport | undefined {
  const { value, all } = statusLines(text);
  const atSeconds = Number.parseFloat(value('uptime'));
  const state = value('state');
  if (!Number.isFinite(atSeconds) || state === '') return undefined;
  const messages = all('message').slice(0, MOST_MESSAGES);
  const said = all('bird');
  return { atSeconds, state, messages, sessions: sessionsIn(said), bfdSessions: bfdSessionsIn(said) };
}

/** What BIRD's supervisor tells the sidecar, in a directory that the sidecar cannot write to. */
export class BgpStatusFile {
  readonly #path: string;

  constructor({ directory }: { directory: Pick<SharedDirectory, 'file'> }) {
    this.#path = directory.file(FILE);
  }

  /** What it last told; undefined when it told nothing, or nothing that can be read. Follows no link, waits for no writer. Never rejects. */
  async read(): Promise<BgpReport | undefined> {
    const text = await this.#text().catch(() => undefined);
    return text === undefined ? undefined : parseBgpReport(text);
  }

  async #text(): Promise<string | undefined> {
    const file = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      if (!(await file.stat()).isFile()) return undefined;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }
}
