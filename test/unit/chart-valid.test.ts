import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peerProblem, virtualAddressProblem } from '../../api/addresses.ts';
import { interfaceProblem } from '../../api/interfaces.ts';
import { settingsProblem } from '../../api/virtual-ip-pool.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { renderChart } from '../lab/chart.ts';
import { addresses, hosts, interfaces } from '../support/generated-pools.ts';
import { CHART } from '../support/release-names.ts';

/** A cold machine builds helm first. */
const SET_UP_LIMIT_MS = 30 * 60_000;
const COMMAND_LIMIT_MS = 60_000;
/** Every run of this, on whatever machine, has the same texts. */
const SEED = 20_261_130;
const RUNS = 400;

let helm: string;
let folder: string;

beforeAll(async () => {
  helm = await ensureTool('helm');
  folder = await mkdtemp(path.join(tmpdir(), 'chart-valid-'));
}, SET_UP_LIMIT_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the chart says to values: all problems at once. */
async function refusals(values: object): Promise<string> {
  const file = path.join(folder, 'values.json');
  await writeFile(file, JSON.stringify(values));
  return renderChart(helm, { files: [file], set: [] }).then(
    () => '',
    (error: Error) => error.message,
  );
}

/** Texts at random, each once; a blank around a single address is left out by the chart. */
function texts(arbitrary: fc.Arbitrary<string>, ...certain: readonly string[]): string[] {
  const generated = fc.sample(arbitrary, { numRuns: RUNS, seed: SEED });
  return [...new Set([...certain, ...generated])].filter((text) => text === text.trim());
}

/** Numbers of the elements of a list that are refused, but for repetitions. */
function refusedIn(said: string, field: RegExp): number[] {
  const lines = said.split('\n').filter((line) => !line.includes(' has already; remove one of them'));
  return [...new Set(lines.flatMap((line) => field.exec(line)?.[1] ?? []).map(Number))].toSorted((a, b) => a - b);
}

function indexesOf(all: readonly string[], problemOf: (text: string) => string | undefined): number[] {
  return all.flatMap((text, index) => (problemOf(text) === undefined ? [] : [index]));
}

/** Pools, each of one address of its own and one text. */
function pools(all: readonly string[], fields: (text: string) => object): object {
  const named = all.map((text, at) => [`p${at}`, { addresses: [`10.9.${at >> 8}.${at % 256}`], ...fields(text) }]);
  return { virtualIPPools: Object.fromEntries(named) };
}

describe('what the chart takes is what the sidecar and the controller take', () => {
  it('as virtual addresses', async () => {
    const all = texts(addresses, '10.0.0.1', '10.0.0.255/24', 'fd00::/64', '::ffff:10.0.0.1', 'fe80::1%eth0');
    const said = await refusals({ keepalived: { vipAddresses: all } });
    const expected = indexesOf(all, virtualAddressProblem);
    expect(refusedIn(said, /ERROR: keepalived\.vipAddresses\[(\d+)\]/)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(all.length / 4);
    expect(expected.length).toBeLessThan(all.length);
  });

  it('as peers', async () => {
    const all = texts(addresses, '10.0.0.1', 'fd00::1', 'fe80::1', '127.0.0.1');
    const said = await refusals({ keepalived: { vipAddressCidr: '10.9.9.9', unicastPeers: all } });
    expect(refusedIn(said, /ERROR: keepalived\.unicastPeers\[(\d+)\]/)).toEqual(indexesOf(all, peerProblem));
  });

  it('as interfaces', async () => {
    const all = texts(interfaces, 'eth0', 'eth0:1', 'eth0@if5', 'lo');
    const said = await refusals(pools(all, (text) => ({ interface: text })));
    expect(refusedIn(said, /ERROR: virtualIPPools\.p(\d+)\.interface/)).toEqual(indexesOf(all, interfaceProblem));
  });

  it('as hosts of checks', async () => {
    const all = texts(hosts, '127.0.0.1', '10.0.0.1:80', '169.254.169.254').filter((text) => text !== '');
    const check = (host: string) => ({ healthCheck: { tcpSocket: { port: 80, host } } });
    const said = await refusals(pools(all, check));
    const problemOf = (host: string) => settingsProblem({ addresses: [], ...check(host) });
    expect(refusedIn(said, /ERROR: virtualIPPools\.p(\d+)\.healthCheck\.tcpSocket\.host/)).toEqual(
      indexesOf(all, problemOf),
    );
  });
});

describe('an upgrade that is rendered without a cluster', () => {
  it('is not asked for definitions that only a cluster could have', async () => {
    const file = path.join(folder, 'pools.json');
    await writeFile(file, JSON.stringify({ virtualIPPools: { a: { addresses: ['10.9.9.9'] } } }));
    const args = ['template', 'vip', CHART, '--is-upgrade', '--values', file];
    const { stdout } = await execa(helm, args, { timeout: COMMAND_LIMIT_MS });
    expect(stdout).toContain('kind: VirtualIPPool');
  });
});
