import { describe, expect, it } from 'vitest';
import { readNodeEvent } from './node-event.ts';

function event(type: string, spec?: object): string {
  return JSON.stringify({
    type,
    object: { kind: 'Node', apiVersion: 'v1', metadata: { name: 'node1' }, ...(spec === undefined ? {} : { spec }) },
  });
}

const taint = (key: string, effect: string) => ({ taints: [{ key, effect }] });

describe('an event of a node', () => {
  it.each([
    ['a cordon', { unschedulable: true, ...taint('node.kubernetes.io/unschedulable', 'NoSchedule') }, 'cordoned'],
    ['a node that is out of service', taint('node.kubernetes.io/out-of-service', 'NoExecute'), 'out of service'],
    ['an ordinary node', { podCIDR: '10.0.0.0/24' }, null],
    ['an uncordoned node', { unschedulable: false }, null],
    ['a node without taints', { taints: null }, null],
    ['a node without a spec', undefined, null],
    // A controller makes and removes it a little after the cordon and its end.
    ['the taint of a cordon alone', taint('node.kubernetes.io/unschedulable', 'NoSchedule'), null],
    ['a node that is not ready', taint('node.kubernetes.io/not-ready', 'NoExecute'), null],
    ['a node that cannot be reached', taint('node.kubernetes.io/unreachable', 'NoExecute'), null],
    ['a control-plane node', taint('node-role.kubernetes.io/control-plane', 'NoSchedule'), null],
  ])('of %s is told apart', (_, spec, cordon) => {
    expect(readNodeEvent(event('ADDED', spec))).toEqual({ kind: 'node', cordon });
    expect(readNodeEvent(event('MODIFIED', spec))).toEqual({ kind: 'node', cordon });
  });

  it.each(['DELETED', 'BOOKMARK', 'WHATEVER'])('of type %s changes nothing', (type) => {
    expect(readNodeEvent(event(type, { unschedulable: true }))).toEqual({ kind: 'nothing' });
  });

  it('tells an error with its code', () => {
    const line = '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}';
    expect(readNodeEvent(line)).toEqual({ kind: 'error', code: 410, message: 'too old resource version' });
  });

  it.each([
    '',
    'null',
    '{}',
    '{"type":1}',
    '{"type":"ADDED"',
    '{"type":"ADDED","object":{"spec":{"unschedulable":"yes"}}}',
  ])('is not read from %j', (line) => expect(() => readNodeEvent(line)).toThrow());
});
