import { describe, expect, it } from 'vitest';
import { PROXY, PROXY_FILES, parseProxyStatus } from './proxy-exchange.ts';

describe('the status of the proxy’s supervisor', () => {
  it('tells what HAProxy runs, and why it could not be reloaded', () => {
    const lines = [
      'candidate_sha256=ab',
      'result=accepted',
      'exit_code=0',
      'running_sha256=ab',
      'haproxy_pid=42',
      'haproxy_version=3.0.11',
      'accepted_total=3',
      'rejected_total=1',
      'workers_total=2',
      'reload_failure=[ALERT] Binding for frontend api: cannot bind socket (Address already in use)',
      'reload_failure=[ALERT] [haproxy.main()] Some protocols failed to start their listeners!',
      'later=unknown',
    ];
    expect(parseProxyStatus(`${lines.join('\n')}\n`)).toEqual({
      candidateSha256: 'ab',
      result: 'accepted',
      exitCode: 0,
      runningSha256: 'ab',
      haproxyPid: 42,
      haproxyVersion: '3.0.11',
      acceptedTotal: 3,
      rejectedTotal: 1,
      messages: [],
      workersTotal: 2,
      reloadFailure:
        '[ALERT] Binding for frontend api: cannot bind socket (Address already in use); [ALERT] [haproxy.main()] Some protocols failed to start their listeners!',
    });
  });

  it('that is empty is that of a supervisor that has started nothing', () => {
    expect(parseProxyStatus('')).toMatchObject({
      result: 'accepted',
      haproxyPid: undefined,
      workersTotal: 0,
      reloadFailure: undefined,
    });
  });
});

describe('the files of the proxy', () => {
  it('have names of their own', () => {
    const names = [...Object.values(PROXY_FILES), PROXY.candidate, PROXY.request, PROXY.status];
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
