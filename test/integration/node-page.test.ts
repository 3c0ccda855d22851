import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Listener } from '../../common/listener.ts';
import { createApp } from '../../sidecar/server/app.ts';
import type { SidecarSnapshot } from '../../sidecar/status/snapshot.ts';
import {
  announcingSnapshot,
  healthySnapshot,
  proxySnapshot,
  troubledSnapshot,
  withoutEndpointSnapshot,
} from '../../sidecar/testing/snapshot.ts';
import { freePort } from '../support/free-port.ts';
import { command, findCommand, mustSkip } from '../support/needs.ts';

const BROWSER = 'chromium-headless-shell';
const PAGE = readFileSync(new URL('../../sidecar/server/page.html', import.meta.url), 'utf8');
const LAUNCH_LIMIT_MS = 60_000;
/** For what the page does by itself. */
const LIMIT = { timeout: 30_000, interval: 50 };
const PHONE = { width: 360, height: 740 };
/** Taken for HTML, it would ask for an image and be refused, and it would not be among the text. */
const HTML = '<img src="/stolen" onerror="document.title=\'injected\'">';

const skip = mustSkip("a node's page in a browser", [command(BROWSER)]);

/** What is used here of a table in the browser; its types are not among those of Node. */
interface ShownTable {
  readonly rows: Iterable<{ readonly cells: Iterable<{ readonly innerText: string }> }>;
}

let browser: Browser;
let context: BrowserContext | undefined;
let page: Page;
let listener: Listener;
let snapshot: SidecarSnapshot;
let port: number;
let asked: string[];
let complaints: string[];

beforeAll(async () => {
  if (skip) return;
  const executablePath = findCommand(BROWSER) ?? BROWSER;
  browser = await chromium.launch({ executablePath, chromiumSandbox: false, timeout: LAUNCH_LIMIT_MS });
}, LAUNCH_LIMIT_MS + 5_000);

afterAll(async () => {
  await browser?.close();
}, LAUNCH_LIMIT_MS);

const state = () => page.getByRole('status').innerText();

async function serve(): Promise<void> {
  listener = new Listener(
    { address: '127.0.0.1', port },
    { handler: createApp({ page: PAGE, snapshot: () => snapshot }) },
  );
  await listener.start();
}

async function open(options: { viewport?: typeof PHONE } = {}): Promise<void> {
  context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(LIMIT.timeout);
  page = await context.newPage();
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${port}/`);
  await expect.poll(state, LIMIT).toContain('Version 0.1.0');
}

function table(name: string): Promise<string[][]> {
  return page
    .getByRole('table', { name, exact: true })
    .evaluate((found: ShownTable) =>
      Array.from(found.rows, (row) => Array.from(row.cells, (cell) => cell.innerText.trim())).slice(1),
    );
}

const problems = () => page.getByRole('list', { name: 'Problems' }).getByRole('listitem').allInnerTexts();

/** The page asked nobody but its server, and the browser had nothing to say against it. */
function expectQuiet(): void {
  const own = `http://127.0.0.1:${port}/`;
  expect(new Set(asked)).toEqual(new Set([own, `${own}status`]));
  expect(complaints).toEqual([]);
}

describe.skipIf(skip)('the page of a node in a browser', () => {
  beforeEach(async () => {
    [asked, complaints] = [[], []];
    snapshot = proxySnapshot();
    port = await freePort();
    await serve();
  });

  afterEach(async () => {
    await context?.close();
    await listener.stop();
  });

  it('shows each instance of the control plane, and each API server with its state, certificate and why', async () => {
    await open();
    expect(await state()).toBe('Version 0.1.0; holds an address; HAProxy runs');
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Virtual addresses of node1');
    const since = '14/11/2023, 22:13:20';
    expect(await table('Addresses')).toEqual([
      ['192.0.2.100/24', 'api_1', 'yes', 'MASTER', since, 'healthy'],
      ['192.0.2.100/24', 'api_2', 'yes', 'BACKUP', since, 'healthy'],
    ]);
    const answered = 'GET https://192.0.2.3:6443/readyz answered 500';
    expect(await table('API servers')).toEqual([
      ['192.0.2.1', 'up', since, 'yes', '7', 'has the addresses', 'Layer6 check passed'],
      ['fd00::2', 'down', since, 'unknown', '0', 'lacks 192.0.2.100', 'Layer6 timeout'],
      ['192.0.2.3', 'draining', since, 'no', '7', 'not seen', answered],
    ]);
    expect(await problems()).toEqual(['None.']);
    expectQuiet();
  });

  it('shows an address that is no control plane’s, without API servers', async () => {
    snapshot = healthySnapshot();
    await open();
    expect((await table('Addresses')).map((row) => row.slice(0, 4))).toEqual([['192.0.2.100/24', '', 'yes', 'MASTER']]);
    expect(await page.getByRole('heading', { name: 'API servers' }).isVisible()).toBe(false);
    expect(await page.getByRole('heading', { name: 'Routers' }).isVisible()).toBe(false);
    expect((await table('Checks')).map((row) => row.slice(0, 2))).toEqual([
      ['service', 'yes'],
      ['kubelet', 'yes'],
    ]);
    expectQuiet();
  });

  it('shows whether the node has an endpoint of a pool’s Services, where that counts', async () => {
    snapshot = withoutEndpointSnapshot();
    await open();
    const rows = await table('Checks');
    expect(rows.map(([name]) => name)).toEqual(['service', 'kubelet', 'endpoint here: default']);
    const answered = 'GET http://192.0.2.1:30123/healthz answered 503';
    expect(rows.at(-1)).toEqual(['endpoint here: default', 'no', '14/11/2023, 22:13:20', answered]);
    expect((await table('Addresses')).at(-1)?.at(-1)).toBe('no ready endpoint of the Service on this node');
    expectQuiet();
  });

  it('shows each router with its session, and why there is none, where addresses are announced', async () => {
    snapshot = announcingSnapshot();
    await open();
    const since = '14/11/2023, 22:13:20';
    expect(await table('Routers')).toEqual([
      ['192.0.2.251', 'Established', since, '2', 'yes', ''],
      ['fd00::252', 'Active', since, '', 'no', 'Socket: Connection refused'],
      ['198.51.100.1', 'Idle', since, '', '', 'the router is on none of this node’s networks'],
    ]);
    expect(await problems()).toEqual(['no session with to_192_0_2_253: its password cannot be used: it is empty']);
    expectQuiet();
  });

  it('shows all that is wrong, HTML in it as text', async () => {
    snapshot = { ...troubledSnapshot(), problems: [HTML] };
    await open();
    const shown = await problems();
    expect(shown[0]).toBe(HTML);
    expect(shown).toContain('no interface has an address of 192.0.2.0/24');
    expect(shown).toContain('refused settings: vrrp.version: is missing');
    expect(shown).toContain('draining: cordoned');
    expect(await page.locator('main img').count()).toBe(0);
    expectQuiet();
  });

  it('shows a change by itself, says since when the sidecar does not answer, and goes on when it does', async () => {
    await open();
    const [first, ...others] = snapshot.proxy?.backends ?? [];
    if (first === undefined || snapshot.proxy === null) throw new Error('it has backends');
    snapshot = { ...snapshot, proxy: { ...snapshot.proxy, backends: [{ ...first, state: 'down' }, ...others] } };
    await expect.poll(async () => (await table('API servers'))[0]?.[1], LIMIT).toBe('down');
    await listener.stop();
    await expect.poll(state, LIMIT).toMatch(/^Not connected since [0-9:]{8}; what is shown is from before/);
    await serve();
    await expect.poll(state, LIMIT).toBe('Version 0.1.0; holds an address; HAProxy runs');
  });

  it('fits a telephone: tables move in their frames, the page does not', async () => {
    snapshot = { ...snapshot, problems: ['x'.repeat(200)] };
    await open({ viewport: PHONE });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
    expectQuiet();
  });
});
