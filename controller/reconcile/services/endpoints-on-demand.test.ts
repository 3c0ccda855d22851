import { describe, expect, it, vi } from 'vitest';
import type { EndpointSliceFacts } from '../../kubernetes/endpoint-slice-facts.ts';
import { ResourceCache } from '../../kubernetes/resource-cache.ts';
import { EndpointsOnDemand } from './endpoints-on-demand.ts';

function slice(service: string, changes: Partial<EndpointSliceFacts> = {}): EndpointSliceFacts {
  const metadata = { name: `${service}-x`, namespace: 'shop' };
  return { metadata, service, family: 4, port: 80, endpoints: [], ...changes };
}

function setUp() {
  const onChange = vi.fn();
  const start = vi.fn();
  const watch = { complete: false, start };
  const endpoints = new EndpointsOnDemand((isNeeded) => {
    const matters = ({ metadata, service }: EndpointSliceFacts) => isNeeded(`${metadata.namespace}/${service}`);
    const slices = new ResourceCache<EndpointSliceFacts>({ matters }, { onChange });
    return Object.assign(watch, { caches: { slices } });
  });
  return { endpoints, watch, onChange, start };
}

describe('endpoints', () => {
  it('are followed once somebody needs them, and known when they were listed', () => {
    const { endpoints, watch, start } = setUp();
    endpoints.follow(new Set());
    watch.complete = true;
    expect([start.mock.calls.length, endpoints.watch, endpoints.slices()]).toEqual([0, undefined, undefined]);
    watch.complete = false;
    endpoints.follow(new Set(['shop/web']));
    endpoints.follow(new Set());
    endpoints.follow(new Set(['shop/web']));
    expect([start.mock.calls.length, endpoints.slices()]).toEqual([1, undefined]);
    watch.complete = true;
    expect([endpoints.watch, endpoints.slices()]).toEqual([watch, []]);
  });

  it('of others are no reason to do anything when they change', () => {
    const { endpoints, watch, onChange } = setUp();
    endpoints.follow(new Set(['shop/web']));
    const { slices } = (watch as unknown as { caches: { slices: ResourceCache<EndpointSliceFacts> } }).caches;
    slices.put(slice('other'));
    slices.put(slice('other', { port: 81 }));
    slices.remove(slice('other'));
    expect(onChange).not.toHaveBeenCalled();
    slices.put(slice('web'));
    slices.remove(slice('web'));
    expect(onChange).toHaveBeenCalledTimes(2);
  });
});
