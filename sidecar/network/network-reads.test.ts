import { describe, expect, it, vi } from 'vitest';
import { readNetwork } from './network.ts';

const read = vi.hoisted(() =>
  vi.fn(async (path: string) => (path.endsWith('/dev') ? 'eth0: 1\nveth1a2b: 1\ncali99: 1\n' : '')),
);
vi.mock('node:fs/promises', () => ({ readFile: read }));

describe('a look at the network', () => {
  it('asks nothing more of the interfaces of pods, of which there can be hundreds', async () => {
    const { interfaces } = await readNetwork();
    expect(interfaces.map(({ name }) => name)).toEqual(expect.arrayContaining(['eth0', 'veth1a2b', 'cali99']));
    const asked = (name: string) => read.mock.calls.filter(([path]) => path.includes(`/${name}/`)).length;
    expect(asked('eth0')).toBeGreaterThan(0);
    expect([asked('veth1a2b'), asked('cali99')]).toEqual([0, 0]);
  });
});
