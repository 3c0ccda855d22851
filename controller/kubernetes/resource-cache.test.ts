import { describe, expect, it, vi } from 'vitest';
import { ResourceCache } from './resource-cache.ts';

interface Thing {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion: string };
  readonly colour: string;
}

function thing(name: string, resourceVersion: string, colour = 'red'): Thing {
  return { metadata: { name, resourceVersion }, colour };
}

function known(things: ResourceCache<Thing>): string[] {
  return things.list().map(({ metadata, colour }) => `${metadata.name} ${metadata.resourceVersion} ${colour}`);
}

function cache() {
  const onChange = vi.fn();
  const same = (before: Thing, after: Thing) => before.colour === after.colour;
  return { onChange, things: new ResourceCache<Thing>({ same }, { onChange }) };
}

describe('the cache of a resource', () => {
  it('lists by name', () => {
    const { things } = cache();
    things.put(thing('b', '1'));
    things.put(thing('a', '2'));
    expect(things.list().map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it('makes its list anew only when something changed, whatever changed', () => {
    const { things } = cache();
    things.put(thing('b', '1'));
    things.put(thing('c', '2'));
    const list = things.list();
    expect(things.list()).toBe(list);
    things.put(thing('b', '3', 'blue'));
    expect(known(things)).toEqual(['b 3 blue', 'c 2 red']);
    things.put(thing('a', '4'));
    expect(known(things)).toEqual(['a 4 red', 'b 3 blue', 'c 2 red']);
    things.remove(thing('c', '5'));
    expect(known(things)).toEqual(['a 4 red', 'b 3 blue']);
    things.replace([thing('b', '6')], things.changes);
    expect(known(things)).toEqual(['b 6 red']);
  });

  it('keeps the answer to a write against the watch’s older news, and tells the same state once', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '10', 'blue'));
    things.put(thing('a', '9', 'red'));
    things.put(thing('a', '10', 'blue'));
    expect(things.get('a')?.colour).toBe('blue');
    expect(onChange).toHaveBeenCalledOnce();
  });

  it('gives the copy that it has of an object that is the same in all, and no other', () => {
    const { things } = cache();
    const known = thing('a', '10');
    things.put(known);
    expect(things.oneCopy(thing('a', '10'))).toBe(known);
    for (const other of [thing('a', '11'), thing('b', '10'), thing('a', '10', 'blue')]) {
      expect(things.oneCopy(other)).toBe(other);
    }
  });

  it('compares resource versions as numbers of any length', () => {
    const { things } = cache();
    things.put(thing('a', '9'));
    things.put(thing('a', '123456789012345678901', 'blue'));
    things.put(thing('a', '123456789012345678900', 'green'));
    expect(things.get('a')?.colour).toBe('blue');
  });

  it('stores a change that matters to nobody without telling it', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '1'));
    things.put(thing('a', '2'));
    expect(things.get('a')?.metadata.resourceVersion).toBe('2');
    expect(onChange).toHaveBeenCalledOnce();
  });

  it('tells that an object is gone, once', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '1'));
    things.remove({ metadata: { name: 'a' } });
    things.remove({ metadata: { name: 'a' } });
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(things.size).toBe(0);
  });

  it('does not bring back what is gone by an answer from before its end, and takes what was made anew', () => {
    const { things } = cache();
    things.put(thing('a', '1'));
    things.remove(thing('a', '5'));
    things.put(thing('a', '4'));
    expect(known(things)).toEqual([]);
    things.put(thing('a', '6', 'blue'));
    expect(known(things)).toEqual(['a 6 blue']);
    things.remove({ metadata: { name: 'a' } });
    things.put(thing('a', '6', 'blue'));
    expect(known(things)).toEqual([]);
    things.replace([thing('a', '3')], things.changes);
    expect(known(things)).toEqual(['a 3 red']);
  });

  it('keeps objects of one name in two namespaces apart, sorted by namespace', () => {
    const { things } = cache();
    const of = (namespace: string, colour: string) => ({
      metadata: { name: 'a', namespace, resourceVersion: '1' },
      colour,
    });
    things.put(of('two', 'red'));
    things.put(of('one', 'blue'));
    expect(things.list().map(({ colour }) => colour)).toEqual(['blue', 'red']);
    expect([things.get('a', 'one'), things.get('a', 'two'), things.get('a')].map((each) => each?.colour)).toEqual([
      'blue',
      'red',
      undefined,
    ]);
    things.remove(of('one', 'blue'));
    expect(things.list().map(({ colour }) => colour)).toEqual(['red']);
  });

  it('keeps what was made anew when late news say that its predecessor is gone', () => {
    const { things } = cache();
    things.put(thing('a', '12', 'blue'));
    things.remove(thing('a', '11'));
    expect(known(things)).toEqual(['a 12 blue']);
    things.remove(thing('a', '13'));
    expect(things.size).toBe(0);
  });
});

describe('a list', () => {
  it('replaces what is known, also by older versions: etcd may have been restored from a backup', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '20', 'blue'));
    things.put(thing('gone', '21'));
    things.put(thing('same', '5', 'green'));
    onChange.mockReset();
    things.replace([thing('a', '10'), thing('back', '11'), thing('same', '5', 'white')], things.changes);
    expect(known(things)).toEqual(['a 10 red', 'back 11 red', 'same 5 white']);
    expect(onChange).toHaveBeenCalledOnce();
    things.put(thing('a', '12', 'black'));
    expect(things.get('a')?.colour).toBe('black');
  });

  it('is told only when it brings something that matters', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '1'));
    onChange.mockReset();
    things.replace([thing('a', '2')], things.changes);
    expect(known(things)).toEqual(['a 2 red']);
    expect(onChange).not.toHaveBeenCalled();
    things.replace([], things.changes);
    expect(onChange).toHaveBeenCalledOnce();
  });

  it('does not take back what was written while it was under way', () => {
    const { things } = cache();
    things.put(thing('a', '1'));
    things.put(thing('b', '2'));
    const since = things.changes;
    things.put(thing('a', '10', 'blue'));
    things.put(thing('made', '11', 'blue'));
    things.replace([thing('a', '1'), thing('b', '9', 'green')], since);
    expect(known(things)).toEqual(['a 10 blue', 'b 9 green', 'made 11 blue']);
  });
});
