import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemTimers } from '../../common/clock.ts';
import { Listener } from '../../common/listener.ts';
import type { ClusterView, NodeSummary } from '../../controller/reconcile/cluster-view.ts';
import { createApp } from '../../controller/server/app.ts';
import { LiveStatus } from '../../controller/server/live.ts';
import { type ControllerSnapshot, statusOf } from '../../controller/server/status.ts';
import { healthySnapshot } from '../../controller/testing/snapshot.ts';
import { freePort } from '../support/free-port.ts';
import { command, findCommand, mustSkip } from '../support/needs.ts';

const BROWSER = 'chromium-headless-shell';
const PAGE = readFileSync(new URL('../../controller/server/page.html', import.meta.url), 'utf8');
const LAUNCH_LIMIT_MS = 60_000;
/** For what the page does by itself; with the pause before it connects again. */
const LIMIT = { timeout: 30_000, interval: 50 };
const PHONE = { width: 360, height: 740 };
/** Taken for HTML, it would ask for an image and be refused, and it would not be among the text. */
const HTML = '<img src="/stolen" onerror="document.title=\'injected\'"><script>document.title="injected"</script>';

const skip = mustSkip('the status page in a browser', [command(BROWSER)]);

function nodeOf(name: string, changes: Partial<NodeSummary> = {}): NodeSummary {
  return {
    name,
    ready: true,
    cordoned: false,
    agent: true,
    agentVersion: '0.1.0',
    plan: 'p1',
    observedPlan: 'p1',
    health: [{ pool: 'web', band: 0, reason: 'all checks succeed' }],
    problems: [],
    ...changes,
  };
}

function addressOf(address: string, plannedNode: string | null, holders: readonly string[]) {
  return { pool: 'web', address, plannedNode, holders, since: holders.length > 0 ? '2026-01-01T08:00:00Z' : null };
}

/** Three nodes of which one is ill, and an address in each state there is. */
function mixedView(): ClusterView {
  const missing = '1 of 6 addresses is held by nobody: 192.0.2.103';
  return {
    pools: [
      {
        name: 'web',
        conditions: [
          { type: 'Configured', status: 'True', reason: 'CarriedOut', message: 'every node carries out its plan' },
          { type: 'Available', status: 'False', reason: 'NotHeld', message: missing },
          { type: 'Ready', status: 'False', reason: 'NotHeld', message: missing },
        ],
        addressCount: 6,
        heldCount: 4,
        eligibleNodes: 3,
        services: null,
      },
    ],
    addresses: [
      addressOf('192.0.2.100', 'node-a', ['node-a']),
      addressOf('192.0.2.101', 'node-b', ['node-a']),
      addressOf('192.0.2.102', 'node-a', ['node-a', 'node-b']),
      addressOf('192.0.2.103', 'node-b', []),
      addressOf('192.0.2.104', null, []),
      addressOf('2001:db8:0:1::64', 'node-c', ['node-c']),
    ],
    nodes: [
      nodeOf('node-a'),
      nodeOf('node-b', {
        observedPlan: 'p0',
        health: [{ pool: 'web', band: 5, reason: 'connection refused' }],
        problems: ['No interface has an address of 192.0.2.0/24.'],
      }),
      nodeOf('node-c', { cordoned: true, health: [{ pool: 'web', band: 3, reason: 'cordoned' }] }),
    ],
    services: { total: 0, waiting: {}, list: [] },
    moves: [
      { pool: 'web', addresses: ['192.0.2.101'], from: 'node-b', to: 'node-a', at: '2026-01-01T08:00:00Z' },
      { pool: 'web', addresses: ['192.0.2.100'], from: 'node-c', to: 'node-a', at: '2026-01-01T07:00:00Z' },
    ],
  };
}

/** The controller's web side with a cluster that the test tells it of. */
class StatusServer {
  readonly url: string;
  /** What comes instead of an answer of the controller, as from a proxy in front of it. */
  answer: RequestListener | undefined;
  readonly #port: number;
  readonly #registry = new Registry();
  #snapshot: ControllerSnapshot = { ...healthySnapshot(), view: mixedView() };
  #live: LiveStatus | undefined;
  #listener: Listener | undefined;

  constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}/`;
  }

  async start(): Promise<void> {
    const snapshot = () => this.#snapshot;
    const live = new LiveStatus({ timers: systemTimers, body: () => statusOf(snapshot()) });
    const app = createApp({ snapshot, registry: this.#registry, live, page: PAGE });
    const handler: RequestListener = (request, response) => (this.answer ?? app)(request, response);
    this.#live = live;
    this.#listener = new Listener({ address: '127.0.0.1', port: this.#port }, { handler });
    await this.#listener.start();
  }

  change(next: Partial<ControllerSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...next };
    this.#live?.changed();
  }

  async stop(): Promise<void> {
    this.#live?.stop();
    await this.#listener?.stop();
  }
}

/** What is used here of a table in the browser; its types are not among those of Node. */
interface ShownTable {
  readonly rows: Iterable<{
    readonly cells: Iterable<{
      readonly innerText: string;
      querySelector(selector: string): { getAttribute(name: string): string | null } | null;
    }>;
  }>;
}

let browser: Browser;
let server: StatusServer;
let context: BrowserContext | undefined;
let page: Page;
/** Addresses that the page asked for. */
let asked: string[];
/** What the browser said against the page: errors, warnings, breaches of the policy. */
let complaints: string[];

beforeAll(async () => {
  if (skip) return;
  // Administrators' sandboxes are mostly root in a container, where the browser's own cannot be made; it shows nothing but this page.
  const executablePath = findCommand(BROWSER) ?? BROWSER;
  browser = await chromium.launch({ executablePath, chromiumSandbox: false, timeout: LAUNCH_LIMIT_MS });
}, LAUNCH_LIMIT_MS + 5_000);

afterAll(async () => {
  await browser?.close();
}, LAUNCH_LIMIT_MS);

async function open(options: { viewport?: typeof PHONE } = {}): Promise<void> {
  context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(LIMIT.timeout);
  page = await context.newPage();
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(server.url);
  await expect.poll(state, LIMIT).toContain('Version 0.1.0');
}

const state = () => page.getByRole('status').innerText();

/** The cells of a table, row by row, found by the name that a screen reader would say; a sign is given by its name. */
async function table(name: string): Promise<string[][]> {
  return page
    .getByRole('table', { name, exact: true })
    .evaluate((found: ShownTable) =>
      Array.from(found.rows, (row) =>
        Array.from(
          row.cells,
          (cell) => cell.querySelector('[role=img]')?.getAttribute('aria-label') ?? cell.innerText.trim(),
        ),
      ),
    );
}

/** The page asked nobody but its server, and the browser had nothing to say against it. */
function expectQuiet(): void {
  expect(asked).toEqual([server.url, `${server.url}events`]);
  expect(complaints).toEqual([]);
}

const moves = () => page.getByRole('list', { name: 'Last moves' }).getByRole('listitem').allInnerTexts();

describe.skipIf(skip)('the status page in a browser', () => {
  beforeEach(async () => {
    [asked, complaints] = [[], []];
    server = new StatusServer(await freePort());
    await server.start();
  });

  afterEach(async () => {
    await context?.close();
    await server.stop();
  });

  it('shows pools, nodes and last moves in words', async () => {
    await open();
    expect(await page.title()).toBe('Virtual IP pools');
    expect(await state()).toBe('Version 0.1.0; this replica leads');
    expect((await table('Pools')).slice(1)).toEqual([
      ['web', 'no', 'yes', 'no', '4 of 6', '3', '1 of 6 addresses is held by nobody: 192.0.2.103'],
    ]);
    expect((await table('Nodes')).slice(1)).toEqual([
      ['node-a', 'runs', 'carried out', '3', '2', 'web: healthy', ''],
      ['node-b', 'runs', 'pending', '1', '2', 'web: service failed', 'No interface has an address of 192.0.2.0/24.'],
      ['node-c', 'cordoned', 'carried out', '1', '1', 'web: draining', ''],
    ]);
    expect(await moves()).toEqual([
      '01/01/2026, 08:00:00web: 192.0.2.101 from node-b to node-a',
      '01/01/2026, 07:00:00web: 192.0.2.100 from node-c to node-a',
    ]);
    expectQuiet();
  });

  it('shows who holds each address, and who is planned to', async () => {
    await open();
    const since = '01/01/2026, 08:00:00';
    const [agreed, elsewhere, several] = [
      'holds it, as planned',
      'holds it, planned elsewhere',
      'holds it, as another does',
    ];
    expect(await table('Addresses')).toEqual([
      ['Address', 'Holder', 'Since', 'Planned', 'node-a', 'node-b', 'node-c'],
      ['192.0.2.100', 'node-a', since, 'node-a', agreed, '', ''],
      ['192.0.2.101', 'node-a', since, 'node-b', elsewhere, 'planned', ''],
      ['192.0.2.102', 'node-a, node-b', since, 'node-a', several, several, ''],
      ['192.0.2.103', 'nobody', '', 'node-b', '', 'planned', ''],
      ['192.0.2.104', 'nobody', '', 'refused or none', '', '', ''],
      ['2001:db8:0:1::64', 'node-c', since, 'node-c', '', '', agreed],
    ]);
    expectQuiet();
  });

  it('leaves out of addresses what all names of nodes end with, and of nothing else', async () => {
    const names = ['a.example.org', 'b.example.org'];
    const addresses = [addressOf('192.0.2.100', 'a.example.org', ['gone.example.com'])];
    server.change({ view: { ...mixedView(), addresses, nodes: names.map((name) => nodeOf(name)) } });
    await open();
    expect((await table('Nodes')).slice(1).map(([name]) => name)).toEqual(names);
    const [head, row] = await table('Addresses');
    expect(head?.slice(3)).toEqual(['Planned', 'a', 'b']);
    expect([row?.[1], row?.[3]]).toEqual(['gone.example.com', 'a']);
    expect(await page.getByRole('cell', { name: 'a', exact: true }).getAttribute('title')).toBe('a.example.org');
  });

  it('says each health band in words', async () => {
    const health = [0, 1, 2, 3, 4, 5].map((band) => ({ pool: `p${band}`, band, reason: '' }));
    server.change({ view: { ...mixedView(), nodes: [nodeOf('node-a', { health })] } });
    await open();
    expect((await table('Nodes'))[1]?.[5]).toBe(
      'p0: healthy p1: no Kubernetes API p2: kubelet failed p3: draining p4: not all addresses p5: service failed',
    );
  });

  it('can be found through by headings, regions and names', async () => {
    await open();
    const headings = await page.getByRole('heading', { level: 2 }).allInnerTexts();
    expect(headings).toEqual(['Pools', 'Nodes', 'Addresses', 'Last moves']);
    for (const name of headings) expect(await page.getByRole('region', { name, exact: true }).count()).toBe(1);
    expect(await page.getByRole('heading', { level: 1 }).allInnerTexts()).toEqual(['Virtual IP pools']);
    expect(await page.getByRole('rowheader', { name: 'node-b', exact: true }).count()).toBe(1);
    expect(await page.getByRole('columnheader', { name: 'node-b', exact: true }).count()).toBe(1);
  });

  it('shows a change without being loaded again', async () => {
    await open();
    const view = mixedView();
    const [first, ...others] = view.addresses;
    const moved = { ...first, ...addressOf('192.0.2.100', 'node-a', ['node-c']) };
    const move = { pool: 'web', addresses: ['192.0.2.100'], from: 'node-a', to: 'node-c', at: '2026-01-01T09:00:00Z' };
    server.change({ view: { ...view, addresses: [moved, ...others], moves: [move, ...view.moves] } });
    await expect
      .poll(async () => (await table('Addresses'))[1]?.slice(3), LIMIT)
      .toEqual(['node-a', 'planned', '', 'holds it, planned elsewhere']);
    expect((await moves())[0]).toBe('01/01/2026, 09:00:00web: 192.0.2.100 from node-a to node-c');
    server.change({
      leading: false,
      leader: undefined,
      informers: [{ name: 'nodes', synced: true, connected: false }],
    });
    await expect.poll(state, LIMIT).toBe('Version 0.1.0; nobody leads; the API does not tell of nodes');
    expectQuiet();
  });

  it('says since when it is not connected, and goes on by itself when the server is back', async () => {
    await open();
    await server.stop();
    await expect
      .poll(state, LIMIT)
      .toMatch(/^Not connected since [0-9:]{8}; what is shown is from before[.] Trying again …$/);
    expect((await table('Nodes'))[1]?.[0]).toBe('node-a');
    server.change({ leading: false, leader: 'controller-2' });
    await server.start();
    await expect.poll(state, LIMIT).toBe('Version 0.1.0; controller-2 leads');
    expect(new Set(asked.slice(1))).toEqual(new Set([`${server.url}events`]));
  });

  it('goes on when a proxy answered with an error in the meantime', async () => {
    await open();
    let refused = 0;
    server.answer = (_request, response) => {
      refused += 1;
      response.writeHead(503, { 'Content-Type': 'text/html' }).end('<p>no endpoints</p>');
    };
    await server.stop();
    await server.start();
    await expect.poll(() => refused, LIMIT).toBe(1);
    expect(await state()).toContain('Not connected');
    server.answer = undefined;
    await expect.poll(state, LIMIT).toBe('Version 0.1.0; this replica leads');
  });

  it('shows HTML in what the cluster says as text', async () => {
    const pool = { name: HTML, conditions: [{ type: 'Ready', status: 'False', reason: HTML, message: HTML }] };
    const health = [{ pool: HTML, band: 5, reason: HTML }];
    const view: ClusterView = {
      pools: [{ ...pool, addressCount: 1, heldCount: 1, eligibleNodes: 1, services: null }],
      addresses: [{ pool: HTML, address: HTML, plannedNode: HTML, holders: [HTML], since: null }],
      nodes: [nodeOf(HTML, { agentVersion: HTML, plan: HTML, observedPlan: HTML, health, problems: [HTML] })],
      services: {
        total: 1,
        waiting: { [HTML]: 1 },
        list: [
          {
            namespace: HTML,
            name: HTML,
            addresses: [{ address: HTML, pool: HTML, plannedNode: HTML, holders: [HTML], since: null }],
            waitsFor: HTML,
            message: HTML,
          },
        ],
      },
      moves: [{ pool: HTML, addresses: [HTML], from: HTML, to: HTML, at: '2026-01-01T08:00:00Z' }],
    };
    await open();
    server.change({ view, leading: false, leader: HTML, informers: [{ name: HTML, synced: true, connected: false }] });
    await expect.poll(state, LIMIT).toBe(`Version 0.1.0; ${HTML} leads; the API does not tell of ${HTML}`);
    expect((await table('Pools'))[1]).toEqual([HTML, 'no', 'unknown', 'unknown', '1 of 1', '1', HTML]);
    const service = [`${HTML}/${HTML}`, HTML, HTML, HTML, HTML, `${HTML} ${HTML}`];
    expect((await table('Services'))[1]).toEqual(service);
    const node = [HTML, 'runs', 'carried out', '1', '1', `${HTML}: service failed`, HTML];
    expect((await table('Nodes'))[1]).toEqual(node);
    expect((await table('Addresses')).map((row) => row.at(-1))).toEqual([HTML, 'holds it, as planned']);
    expect(await moves()).toEqual([`01/01/2026, 08:00:00${HTML}: ${HTML} from ${HTML} to ${HTML}`]);
    expect(await page.title()).toBe('Virtual IP pools');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expectQuiet();
  });

  it('runs no script that somebody puts into it', async () => {
    await open();
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = "injected"' }))`,
    );
    await expect.poll(() => complaints.join(), LIMIT).toContain('Content Security Policy');
    expect(await page.title()).toBe('Virtual IP pools');
  });

  it('fits a telephone: tables move in their frames, the page does not, and names leave room for the rest', async () => {
    const long = (name: string) => `${name}.a-rather-long-zone-name-${name}.compute.internal.example.org`;
    const names = ['a', 'b', 'c', 'd'].map(long);
    const addresses = names.map((name, at) => addressOf(`2001:db8:1111:2222:3333:4444:5555:${at}`, name, names));
    const nodes = names.map((name) => nodeOf(name, { problems: ['x'.repeat(200)] }));
    const [from = '', to = ''] = names;
    const given = addresses.map(({ address }) => address);
    const moves = [{ pool: 'web', addresses: given, from, to, at: '2026-01-01T08:00:00Z' }];
    server.change({ view: { ...mixedView(), addresses, nodes, moves } });
    await open({ viewport: PHONE });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
    for (const header of await page.locator('tbody th').all()) {
      expect((await header.boundingBox())?.width).toBeLessThan(PHONE.width / 2);
    }
    const last = page.getByRole('table', { name: 'Addresses' }).getByRole('columnheader').last();
    await last.scrollIntoViewIfNeeded();
    const box = await last.boundingBox();
    expect(box?.x).toBeLessThan(PHONE.width);
    expect(await page.evaluate('document.documentElement.scrollLeft')).toBe(0);
    expectQuiet();
  });
});
