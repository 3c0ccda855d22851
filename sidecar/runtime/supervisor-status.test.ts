import { describe, expect, it } from 'vitest';
import { parseSupervisorStatus } from './supervisor-status.ts';

describe('the supervisor’s status', () => {
  it('tells why a candidate was refused', () => {
    const lines = [
      'candidate_sha256=ab',
      'result=rejected',
      'exit_code=4',
      'running_sha256=cd',
      'keepalived_pid=42',
      'keepalived_version=2.3.3',
      'accepted_total=1',
      'rejected_total=2',
      'message=(Line 3) a = b',
      'message=second',
      'listed=eth0 192.0.2.100/32',
      'listed=eth0 2001:db8::100/64',
      'listed=eth0 192.0.2.1',
      'listed=eth0',
      'instance=vip MASTER',
      'instance=pool-7 BACKUP',
      'instance=half',
    ];
    expect(parseSupervisorStatus(`${lines.join('\n')}\n`)).toEqual({
      candidateSha256: 'ab',
      result: 'rejected',
      exitCode: 4,
      runningSha256: 'cd',
      keepalivedPid: 42,
      keepalivedVersion: '2.3.3',
      acceptedTotal: 1,
      rejectedTotal: 2,
      messages: ['(Line 3) a = b', 'second'],
      listed: [
        { device: 'eth0', address: '192.0.2.100', prefixLength: 32 },
        { device: 'eth0', address: '2001:db8::100', prefixLength: 64 },
      ],
      instances: [
        { name: 'vip', state: 'MASTER' },
        { name: 'pool-7', state: 'BACKUP' },
      ],
    });
  });

  it('has what is on lo, and what is not, and why', () => {
    const lines = ['loopback=partly', 'loopback_message=203.0.113.5/32 is on lo already'];
    expect(parseSupervisorStatus(lines.join('\n')).loopback).toEqual({
      state: 'partly',
      messages: ['203.0.113.5/32 is on lo already'],
    });
    expect(parseSupervisorStatus('redirects=none').loopback).toBeUndefined();
  });

  it('tells what is not redirected, and why', () => {
    const lines = ['redirects=partly', 'redirects_message=nobody listens', 'redirects_message=no such address'];
    expect(parseSupervisorStatus(lines.join('\n')).redirects).toEqual({
      state: 'partly',
      messages: ['nobody listens', 'no such address'],
    });
  });

  it('tells what is not balanced by IPVS, and why', () => {
    const lines = ['virtual_servers=unavailable', 'virtual_servers_message=the kernel has no IPVS'];
    expect(parseSupervisorStatus(lines.join('\n')).virtualServers).toEqual({
      state: 'unavailable',
      messages: ['the kernel has no IPVS'],
    });
  });

  it('that is empty, or half written, is that of a supervisor that has judged nothing', () => {
    expect(parseSupervisorStatus('keepalived_pi')).toEqual({
      candidateSha256: '',
      result: 'accepted',
      exitCode: 0,
      runningSha256: '',
      keepalivedPid: undefined,
      keepalivedVersion: '',
      acceptedTotal: 0,
      rejectedTotal: 0,
      messages: [],
      listed: [],
      instances: [],
    });
  });
});
