import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseProxyStatus } from '../runtime/proxy-exchange.ts';
import { proxyRuntimeIn } from '../runtime/runtime.ts';
import { ProxySupervisor, proxyProblems } from './proxy-supervisor.ts';

const LIMIT = { timeout: 15_000, interval: 5 };
const RUNS = 'result=accepted\nrunning_sha256=ab\nhaproxy_pid=7\nworkers_total=1\n';
const PORT_TAKEN = 'reload_failure=[ALERT] cannot bind socket (Address already in use) for [:::9345]\n';

let directory: string;
let workers: number;
let supervisor: ProxySupervisor;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'proxy-supervisor-'));
  workers = 0;
  supervisor = new ProxySupervisor({
    runtime: proxyRuntimeIn(directory),
    onWorker: () => {
      workers += 1;
    },
    log: pino({ level: 'silent' }),
  });
});

afterEach(() => {
  supervisor.stop();
  supervisor.stop();
  rmSync(directory, { recursive: true });
});

const report = (text: string) => writeFileSync(join(directory, 'supervisor.status'), text);

describe('what HAProxy’s supervisor reports', () => {
  it('is read when it changes, and a new worker is told of', async () => {
    await supervisor.start();
    expect([supervisor.status, supervisor.problems]).toEqual([undefined, []]);
    report(RUNS);
    await vi.waitFor(() => expect(supervisor.status?.haproxyPid).toBe(7), LIMIT);
    expect(workers).toBe(0);
    report(`${RUNS.replace('workers_total=1', 'workers_total=2')}${PORT_TAKEN}`);
    await vi.waitFor(() => expect(supervisor.problems).toHaveLength(1), LIMIT);
    expect(workers).toBe(1);
  });

  it('is a problem in words while HAProxy does not run, refuses a configuration or could not be reloaded', () => {
    expect(proxyProblems(undefined)).toEqual([]);
    expect(proxyProblems(parseProxyStatus(RUNS))).toEqual([]);
    expect(proxyProblems(parseProxyStatus('result=rejected\nmessage=a\nmessage=b\n'))).toEqual([
      'HAProxy does not run; the log of the container proxy says why',
      'HAProxy refused the configuration: a; b',
    ]);
    expect(proxyProblems(parseProxyStatus(`${RUNS}${PORT_TAKEN}`))).toEqual([
      'HAProxy could not be reloaded and goes on with the configuration it had: [ALERT] cannot bind socket (Address already in use) for [:::9345]',
    ]);
  });
});
