import { describe, expect, it } from 'vitest';
import { parseAddressLine } from '../support/address-monitor.ts';
import type { HoldingChange } from '../support/holdings.ts';
import type { GateEvent } from './gate-watch.ts';
import { buildTimeline, type Observations, parseLog } from './timeline.ts';

const ADDRESS = '172.30.0.100';

function observations(changes: Partial<Observations> = {}): Observations {
  return {
    fault: 'ingress-crash',
    node: 'node1',
    address: ADDRESS,
    faultMs: 1000,
    gates: [],
    changes: [],
    log: [],
    attempts: [],
    toMonotonicMs: (wallMs) => wallMs,
    ...changes,
  };
}

function gate(atMs: number, node: string, value: number): GateEvent {
  return { atMs, node, value };
}

function address(atMs: number, node: string, added: boolean, which = ADDRESS): HoldingChange {
  return { atMs, node, interface: 'eth0', address: which, added };
}

describe('buildTimeline', () => {
  it('tells in milliseconds after the fault what happened, in order', () => {
    const timeline = buildTimeline(
      observations({
        gates: [gate(1004, 'node1', 0)],
        changes: [address(1009.5, 'node2', true), address(1005, 'node1', false)],
        log: [{ wallMs: 1003, check: 'service', healthy: false }],
        attempts: [{ startMs: 1010, endMs: 1012.25, ok: true, who: 'node2' }],
      }),
    );
    expect(timeline.map(({ ms, event, node }) => [ms, event, node])).toEqual([
      [0, 'fault', 'node1'],
      [3, 'detection', 'node1'],
      [4, 'gate written', 'node1'],
      [5, 'address gone', 'node1'],
      [9.5, 'new holder', 'node2'],
      [12.25, 'first answer', 'node2'],
    ]);
  });

  it('leaves out what was not seen', () => {
    expect(buildTimeline(observations()).map(({ event }) => event)).toEqual(['fault']);
  });

  it('does not take what happened before the fault, on other nodes or to other addresses for its effects', () => {
    const timeline = buildTimeline(
      observations({
        gates: [gate(900, 'node1', 0), gate(1001, 'node2', 0), gate(1002, 'node1', 1)],
        changes: [address(950, 'node2', true), address(1001, 'node1', true), address(1001, 'node2', false)],
        log: [
          { wallMs: 500, check: 'service', healthy: false },
          { wallMs: 1001, check: 'service', healthy: true },
        ],
        attempts: [
          { startMs: 990, endMs: 1001, ok: true, who: 'node2' },
          { startMs: 1001, endMs: 1002, ok: true, who: 'node1' },
          { startMs: 1001, endMs: 1003, ok: false, who: 'ECONNREFUSED' },
        ],
      }),
    );
    expect(timeline.map(({ event }) => event)).toEqual(['fault']);
  });

  it('does not let a log’s rounding put the detection before the fault', () => {
    const log = [{ wallMs: 999.5, check: 'service', healthy: false }];
    expect(buildTimeline(observations({ log }))[1]).toMatchObject({ event: 'detection', ms: 0 });
  });
});

describe('parseLog', () => {
  it('reads times as numbers and as ISO 8601, and passes over what is not JSON', () => {
    const text = [
      '{"time":"1970-01-01T00:00:01.500Z","check":"service","healthy":false}',
      'Error: something',
      '{"time":1700,"msg":"started"}',
      '',
    ].join('\n');
    expect(parseLog(text)).toEqual([
      { wallMs: 1500, check: 'service', healthy: false },
      { wallMs: 1700, check: undefined, healthy: undefined },
    ]);
  });
});

describe('parseAddressLine', () => {
  it.each([
    ['2: eth0    inet 172.30.0.100/24 scope global secondary eth0\\       valid_lft forever', '172.30.0.100', true],
    ['Deleted 2: eth0    inet 172.30.0.100/24 scope global secondary eth0', '172.30.0.100', false],
    ['2: eth0    inet6 fd00:172:30::100/64 scope global nodad \\  valid_lft forever', 'fd00:172:30::100', true],
  ])('reads %j', (line, address, added) => {
    expect(parseAddressLine(line)).toEqual({ interface: 'eth0', address, added });
  });

  it('passes over other lines', () => {
    expect(parseAddressLine('local 172.30.0.100 dev eth0 table local')).toBeUndefined();
  });
});
