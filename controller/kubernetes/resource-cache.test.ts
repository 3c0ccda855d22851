import { describe, expect, it, vi } from 'vitest';
import { ResourceCache } from './resource-cache.ts';

interface Thing {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly colour: string;
}

function thing(name: string, resourceVersion: string, colour = 'red'): Thing {
  return { metadata: { name, resourceVersion }, colour };
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

  it('keeps the answer to a write against the watch’s older news, and tells the same state once', () => {
    const { things, onChange } = cache();
    things.put(thing('a', '10', 'blue'));
    things.put(thing('a', '9', 'red'));
    things.put(thing('a', '10', 'blue'));
    expect(things.get('a')?.colour).toBe('blue');
    expect(onChange).toHaveBeenCalledOnce();
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
    things.remove('a');
    things.remove('a');
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(things.size).toBe(0);
  });
});
