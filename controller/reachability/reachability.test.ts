import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import type { Asked } from './ask-https.ts';
import { Reachability } from './reachability.ts';

const URL = 'https://192.0.2.1:8443/';
const YES = { ok: true, text: 'answers 200' };
const NO = { ok: false, text: 'does not answer' };

let time: ManualTime;
let reachability: Reachability;
let pending: { url: string; answer: (asked: Asked) => void }[];
let told: number;

async function answer(asked: Asked): Promise<void> {
  pending.shift()?.answer(asked);
  await Promise.resolve();
  await Promise.resolve();
}

beforeEach(() => {
  time = new ManualTime();
  pending = [];
  told = 0;
  reachability = new Reachability({
    ask: (url) => new Promise((resolve) => pending.push({ url, answer: resolve })),
    clock: time,
    onAnswer: () => {
      told += 1;
    },
  });
});

describe('whether an address answers', () => {
  it('is not known before it was asked, and who waits is told when it is', async () => {
    expect(reachability.look(URL)).toEqual({ answer: undefined, reviewAtMs: 1000 });
    await answer(YES);
    expect(told).toBe(1);
    expect(reachability.look(URL).answer).toEqual(YES);
  });

  it('is asked once a second as long as somebody looks, and never twice at a time', async () => {
    reachability.look(URL);
    time.stall(1500);
    reachability.look(URL);
    expect(pending).toHaveLength(1);
    await answer(NO);
    reachability.look(URL);
    expect(pending).toHaveLength(1);
    await answer(YES);
    time.stall(900);
    reachability.look(URL);
    expect(pending).toHaveLength(0);
    time.stall(100);
    expect(reachability.look(URL).answer).toEqual(YES);
    expect(pending).toHaveLength(1);
  });

  it('is not known any more some time after it was asked last', async () => {
    reachability.look(URL);
    await answer(YES);
    time.stall(5001);
    expect(reachability.look(URL).answer).toBeUndefined();
    expect(pending).toHaveLength(1);
  });

  it('is asked of each URL for itself', async () => {
    reachability.look(URL);
    await answer(YES);
    expect(reachability.look('https://192.0.2.2:8443/').answer).toBeUndefined();
    expect(pending.map(({ url }) => url)).toEqual(['https://192.0.2.2:8443/']);
  });

  it('is forgotten when nobody looks for a minute', async () => {
    reachability.look(URL);
    time.stall(61_000);
    reachability.look('https://192.0.2.2:8443/');
    await answer(YES);
    expect(reachability.look(URL).answer).toBeUndefined();
  });
});
