import { describe, expect, it } from 'vitest';
import { type CgroupReader, cgroupPath, millicores, parseCounters, usageFrom } from '../e2e/cgroups.ts';

const FILES: Readonly<Record<string, string>> = {
  'memory/memory.usage_in_bytes': '43544576\n',
  'memory/memory.max_usage_in_bytes': '44400640\n',
  'memory/memory.limit_in_bytes': '134217728\n',
  'memory/memory.failcnt': '3\n',
  'memory/memory.kmem.usage_in_bytes': '1699840\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  'memory/memory.stat': 'cache 1\nrss 2\ntotal_cache 454656\ntotal_rss 41127936\ntotal_workingset_refault_file 106\n',
  'cpuacct/cpuacct.usage': '984953025\n',
  'cpu/cpu.shares': '51\n',
  'cpu/cpu.cfs_quota_us': '20000\n',
  'cpu/cpu.cfs_period_us': '100000\n',
  'cpu/cpu.stat': 'nr_periods 40\nnr_throttled 4\nthrottled_time 120000000\n',
};

function reader(changes: Readonly<Record<string, string>> = {}): CgroupReader {
  return (controller, file) => {
    const text = { ...FILES, ...changes }[`${controller}/${file}`];
    if (text === undefined) throw new Error(`no file ${controller}/${file}`);
    return text;
  };
}

describe('the cgroup of a process', () => {
  const TEXT = ['9:name=systemd:/a', '4:memory:/kivc/x/node1/kubepods/pod1/c:1', '2:cpu,cpuacct:/b', '0::/', ''].join(
    '\n',
  );

  it('is found by its controller, alone or with others', () => {
    expect(cgroupPath(TEXT, 'memory')).toBe('/kivc/x/node1/kubepods/pod1/c:1');
    expect(cgroupPath(TEXT, 'cpuacct')).toBe('/b');
  });

  it('is missed aloud', () => {
    expect(() => cgroupPath(TEXT, 'pids')).toThrow(/no cgroup of the controller pids/);
  });
});

describe('the counters of a cgroup', () => {
  it('are read line by line', () => {
    expect([...parseCounters('nr_periods 0\nthrottled_time 12\n\n')]).toEqual([
      ['nr_periods', 0],
      ['throttled_time', 12],
    ]);
  });

  it('tell what a container uses', () => {
    expect(usageFrom(reader())).toEqual({
      memory: 43544576,
      memoryPeak: 44400640,
      memoryLimit: 134217728,
      limitHits: 3,
      oomKills: 2,
      anonymous: 41127936,
      cache: 454656,
      refaults: 106,
      kernel: 1699840,
      cpu: 984953025,
      cpuShares: 51,
      cpuLimit: 0.2,
      cpuPeriods: 40,
      throttledPeriods: 4,
      throttled: 120000000,
    });
  });

  it('have numbers of their own for "no limit"', () => {
    const none = { 'memory/memory.limit_in_bytes': '9223372036854771712\n', 'cpu/cpu.cfs_quota_us': '-1\n' };
    expect(usageFrom(reader(none))).toMatchObject({ memoryLimit: undefined, cpuLimit: undefined });
  });

  it('give the processor time between two looks in thousandths', () => {
    const before = usageFrom(reader());
    expect(millicores(before, { ...before, cpu: before.cpu + 150_000_000 }, 10_000)).toBe(15);
  });
});
