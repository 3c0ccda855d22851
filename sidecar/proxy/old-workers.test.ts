import { beforeEach, describe, expect, it } from 'vitest';
import { ManualTime } from '../../common/testing/manual-time.ts';
import { closedAtOnce, OldWorkers, readOldWorkers } from './old-workers.ts';
import { RuntimeApiError } from './runtime-api.ts';

const WORKERS = `#<PID>          <type>          <reloads>       <uptime>        <version>
3421            master          1 [failed: 0]   0d00h00m03s     3.0.11-1+deb13u5
# workers
3760            worker          0               0d00h00m01s     3.0.11-1+deb13u5
`;
const OLD = '# old workers\n3431            worker          1               0d00h00m03s     3.0.11-1+deb13u5\n';
const END = '# programs\n\n';

function session(id: number, state = 8, age = '3s'): string {
  return `0x${id}: proto=tcpv4 fe=api be=api srv=a ts=00 age=${age} rq[f=848000h] rp[f=80048000h] scf=[8,0h] scb=[${state},1h]`;
}

/** Stands for HAProxy's master. */
class FakeMaster {
  old = false;
  answers = true;
  sessions: number[] = [];
  connecting = 0;
  young = 0;
  asked = 0;

  run(commands: string): Promise<string> {
    this.asked += 1;
    if (!this.answers) return Promise.reject(new RuntimeApiError('nobody answers'));
    if (commands === 'show proc; quit') return Promise.resolve(`${WORKERS}${this.old ? OLD : ''}${END}`);
    if (commands === '@!3431 show sess; quit') {
      const established = this.sessions.map((id) => session(id));
      return Promise.resolve(
        [
          ...established,
          ...(this.connecting > 0 ? [session(this.connecting, 5)] : []),
          ...(this.young > 0 ? [session(this.young, 8, '1s')] : []),
        ].join('\n'),
      );
    }
    const closed = Array.from(commands.matchAll(/@!3431 shutdown session 0x(\d+)/g), ([, id]) => Number(id));
    this.sessions = this.sessions.filter((id) => !closed.includes(id));
    return Promise.resolve('\n');
  }
}

let master: FakeMaster;
let time: ManualTime;
let closed: number[];
let workers: OldWorkers;

/** Time, with what each look asks the master. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 250) {
    await time.advance(250);
    for (let turn = 0; turn < 10; turn += 1) await time.advance(0);
  }
}

beforeEach(() => {
  master = new FakeMaster();
  time = new ManualTime();
  closed = [];
  workers = new OldWorkers({ master, onClosed: (_, sessions) => closed.push(sessions), timers: time });
  workers.start();
});

describe('what a reload of HAProxy leaves', () => {
  it('is found in what the master says of its workers', () => {
    expect(readOldWorkers(`${WORKERS}${END}`)).toEqual([]);
    expect(readOldWorkers(`${WORKERS}${OLD}${END}`)).toEqual([3431]);
  });

  it.each([
    [0, 0],
    [1, 1],
    [40, 1],
    [1000, 25],
    [10_000, 250],
  ])(
    'has, of %i connections, %i closed at a time: four times a second, and all of them within ten seconds',
    (first, some) => {
      expect(closedAtOnce(first)).toBe(some);
    },
  );

  it('is closed a few at a time, all of it before HAProxy would cut the rest', async () => {
    master.old = true;
    master.sessions = Array.from({ length: 80 }, (_, index) => index + 1);
    await pass(2000);
    expect(master.sessions).toHaveLength(78);
    await pass(1000);
    expect(master.sessions).toHaveLength(70);
    await pass(9000);
    expect(master.sessions).toEqual([]);
    expect(closed.every((count) => count === 2)).toBe(true);
  });

  it('leaves what is connecting until it is connected, for its client would never be told, and what may be a single request', async () => {
    master.old = true;
    master.connecting = 7;
    master.young = 8;
    await pass(4000);
    expect(closed).toEqual([]);
    master.connecting = 0;
    master.sessions = [7];
    await pass(250);
    expect(closed).toEqual([1]);
  });

  it('is looked for now and then alone, also after nobody answered, and no more at the end', async () => {
    master.answers = false;
    await pass(4000);
    expect(master.asked).toBe(2);
    master.answers = true;
    await pass(4000);
    expect(master.asked).toBe(4);
    workers.stop();
    workers.stop();
    await pass(4000);
    expect(master.asked).toBe(4);
  });
});
