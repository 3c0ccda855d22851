import { describe, expect, it } from 'vitest';
import { type Clients, endpointOf } from './endpoint.ts';
import { OwnList } from './own-list.ts';

function clientsOf(count: number): Clients {
  const all = Array.from({ length: count }, (_, index) => endpointOf(`10.0.${index >> 8}.${index & 255}`, 1025));
  return new Map([[endpointOf('192.0.2.100', 80), new Set(all)]]);
}

describe('the list of a node’s clients', () => {
  it('is sent once: what has not changed is not due again', () => {
    const list = new OwnList();
    list.set(clientsOf(1));
    expect(list.take(32)).toHaveLength(1);
    list.set(clientsOf(1));
    expect(list.take(32)).toEqual([]);
  });

  it('is sent also where it is empty: the others then know that somebody is there', () => {
    expect(new OwnList().take(32)).toEqual([{ part: 0, of: 1, content: '' }]);
  });

  it('is sent a few parts at a time, and all anew when that is asked', () => {
    const list = new OwnList();
    list.set(clientsOf(1000));
    const first = list.take(3);
    expect(first.map(({ part }) => part)).toEqual([0, 1, 2]);
    const of = first[0]?.of ?? 0;
    expect(list.take(100)).toHaveLength(of - 3);
    list.sendAll();
    expect(list.take(100)).toHaveLength(of);
  });

  it('has only the part sent that one more client changes', () => {
    const list = new OwnList();
    list.set(clientsOf(1000));
    list.take(1000);
    list.set(clientsOf(1001));
    expect(list.take(1000)).toHaveLength(1);
  });
});
