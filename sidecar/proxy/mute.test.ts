import { describe, expect, it } from 'vitest';
import { decideMute, type MuteMemory, NOBODY_MUTE, quietServers } from './mute.ts';
import type { ObservedSession, ServerStatistics } from './observed.ts';

function server(name: string, begun: number, bytes: number): ServerStatistics {
  return { section: 'api', name, sessions: 1, begun, bytes, weight: 100, check: '', fullHealth: 4 };
}

/** A connection in which the server has not said a word. */
function unanswered(id: string, to = 'a'): ObservedSession {
  return { id, section: 'api', server: to, ageSeconds: 0, serverSide: 'established', unanswered: true };
}

/** Looks at what HAProxy says, one after the other. */
class Looks {
  #memory: MuteMemory = NOBODY_MUTE;
  #nowMs = 0;

  #otherBytes = 0;

  /** @param given what `a` was given and has said; `b` goes on, unless it is silent too */
  look(given: {
    begun: number;
    bytes: number;
    sessions?: readonly ObservedSession[];
    afterMs?: number;
    bothSilent?: boolean;
  }): string[] {
    const { begun, bytes, sessions = [], afterMs = 50, bothSilent = false } = given;
    this.#nowMs += afterMs;
    if (!bothSilent) this.#otherBytes = this.#nowMs;
    const statistics = [server('a', begun, bytes), server('b', this.#nowMs, this.#otherBytes)];
    const quiet = quietServers(this.#memory, statistics, this.#nowMs);
    this.#memory = decideMute(this.#memory, quiet, sessions, this.#nowMs);
    return [...this.#memory.muteUntilMs.keys()];
  }

  /** With two connections that get no answer, until it is mute. */
  untilMute(): void {
    const sessions = [unanswered('1'), unanswered('2')];
    expect(this.look({ begun: 10, bytes: 900 })).toEqual([]);
    expect(this.look({ begun: 12, bytes: 900, sessions })).toEqual([]);
    expect(this.look({ begun: 13, bytes: 900, sessions })).toEqual([]);
    expect(this.look({ begun: 13, bytes: 900, sessions })).toEqual(['a']);
  }
}

describe('a server', () => {
  it('is mute when it accepted connections, and let two wait for its first word', () => {
    new Looks().untilMute();
  });

  it('is looked at only when it was given connections and ended none with an answer', () => {
    const memory = decideMute(NOBODY_MUTE, quietServers(NOBODY_MUTE, [server('a', 10, 900)], 0), [], 0);
    expect(quietServers(memory, [server('a', 11, 900)], 50).quiet).toEqual(new Set());
    expect(quietServers(memory, [server('a', 30, 901)], 50).quiet).toEqual(new Set());
    expect(quietServers(memory, [server('a', 12, 900)], 50).quiet).toEqual(new Set(['a']));
  });

  it('is not mute while one client alone waits: it may have said half a word', () => {
    const looks = new Looks();
    looks.look({ begun: 10, bytes: 900 });
    for (const begun of [12, 13, 14, 15]) {
      expect(looks.look({ begun, bytes: 900, sessions: [unanswered('1')] })).toEqual([]);
    }
  });

  it('is not mute when its watches are answered, which end with no word for hours', () => {
    const looks = new Looks();
    looks.look({ begun: 10, bytes: 900 });
    for (const begun of [12, 13, 14, 15]) expect(looks.look({ begun, bytes: 900 })).toEqual([]);
  });

  it('is not mute when others are waited for', () => {
    const looks = new Looks();
    const sessions = [unanswered('1', 'b'), unanswered('2', 'b')];
    looks.look({ begun: 10, bytes: 900 });
    for (const begun of [12, 13, 14, 15]) expect(looks.look({ begun, bytes: 900, sessions })).toEqual([]);
  });

  it('is not mute while all are silent, and is as soon as another one speaks and it does not', () => {
    const looks = new Looks();
    const sessions = [unanswered('1'), unanswered('2')];
    looks.look({ begun: 10, bytes: 900 });
    for (const begun of [12, 13, 14, 15]) {
      expect(looks.look({ begun, bytes: 900, sessions, bothSilent: true })).toEqual([]);
    }
    expect(looks.look({ begun: 15, bytes: 900, sessions })).toEqual(['a']);
  });

  it('is not mute any more when it answers', () => {
    const looks = new Looks();
    looks.untilMute();
    expect(looks.look({ begun: 13, bytes: 901 })).toEqual([]);
  });

  it('is tried again after a second, and the same clients speak no second time against it', () => {
    const looks = new Looks();
    looks.untilMute();
    const sessions = [unanswered('1'), unanswered('2')];
    expect(looks.look({ begun: 13, bytes: 900, sessions, afterMs: 900 })).toEqual(['a']);
    expect(looks.look({ begun: 13, bytes: 900, sessions, afterMs: 100 })).toEqual([]);
    expect(looks.look({ begun: 13, bytes: 900, sessions, afterMs: 1000 })).toEqual([]);
    const further = [...sessions, unanswered('3'), unanswered('4')];
    expect(looks.look({ begun: 15, bytes: 900, sessions: further })).toEqual([]);
    expect(looks.look({ begun: 15, bytes: 900, sessions: further, afterMs: 100 })).toEqual(['a']);
  });
});
