import { afterEach, describe, expect, it } from 'vitest';
import { countOf, textOf } from '../../sidecar/connections/endpoint.ts';
import { Resetter } from '../../sidecar/connections/resetter.ts';
import { TranslatedConnections } from '../../sidecar/connections/translated.ts';
import { OpenConnections } from '../clients/open-connections.ts';
import { monotonicMs } from '../support/clock.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { say } from '../support/print.ts';
import { waitFor } from '../support/wait.ts';
import { bothFamilies, cutOff, PORT, Proxied, REDIRECTS, TABLE, untilRedirects, VIP4, VIP6 } from './proxied-node.ts';
import type { TestNode } from './supervisor/node.ts';

const skip = mustSkip('connections that a node translates', [
  canMakeNamespaces,
  command('mmdebstrap'),
  command('nft'),
  command('haproxy'),
]);
const COUNT = 10;
const STARTED = { env: { REDIRECT_TABLE: TABLE, RESET_CONNECTIONS: 'true' }, looks: 'as shipped' } as const;

describe.skipIf(skip)('connections that are redirected to the proxy', () => {
  const proxied = new Proxied();
  proxied.register();
  const opened: OpenConnections[] = [];
  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
  });

  async function connected(from: TestNode, address: string): Promise<OpenConnections> {
    const connections = await OpenConnections.open(from.netns, { address, port: PORT, count: COUNT });
    opened.push(connections);
    return connections;
  }

  /** What the kernel of a node tells of the virtual addresses, as the lines by which clients are asked. */
  async function told(node: TestNode): Promise<string[]> {
    const clients = await new TranslatedConnections({ directory: node.runtime }).to([VIP4, VIP6]);
    expect(countOf(clients)).toBe([...clients.values()].reduce((sum, { size }) => sum + size, 0));
    return [...clients].flatMap(([service, each]) => [...each].map((one) => `${textOf(service)} ${textOf(one)}`));
  }

  it('are known by the address by which they came, and their clients are reset by the next holder, beside its own redirect', async () => {
    const [holder, other] = [await proxied.node('holder'), await proxied.node('other')];
    const client = await proxied.plainNode();
    for (const node of [holder, other]) {
      await proxied.proxy(node, [holder, other]);
      node.place('redirects', REDIRECTS);
    }
    await holder.serve(bothFamilies(), { ...STARTED, address: VIP4 });
    await untilRedirects(holder, 'applied');
    other.offer(bothFamilies(200));
    await other.start(STARTED);
    await untilRedirects(other, 'applied');
    const all = [await connected(client, VIP4), await connected(client, VIP6)];
    const lines = await waitFor('all to be told', async () => {
      const found = await told(holder);
      return found.length === 2 * COUNT ? found : undefined;
    });
    const ends = [`${VIP4} ${PORT} ${client.address} `, '2001:db8:77:0:0:0:0:100 6443 2001:db8:77:'];
    for (const begin of ends) expect(lines.filter((line) => line.startsWith(begin))).toHaveLength(COUNT);
    await cutOff(holder);
    await other.until('has the addresses', async () => (await other.has(VIP4)) && (await other.has(VIP6)));
    const sinceMs = monotonicMs();
    await expect(new Resetter({ directory: other.runtime }).ask(lines)).resolves.toEqual({
      sent: 2 * COUNT,
      refused: 0,
    });
    const ended = (await Promise.all(all.map((each) => each.allEnded()))).flat();
    expect(new Set(ended.map(({ code }) => code))).toEqual(new Set(['ECONNRESET']));
    const lastMs = Math.max(...ended.map(({ atMs }) => atMs)) - sinceMs;
    say(`clients of a proxy whose node was cut off: the last was reset ${lastMs.toFixed(0)} ms after they were asked`);
  });

  it('are told of virtual addresses alone', async () => {
    const holder = await proxied.node('holder');
    await proxied.proxy(holder, [holder]);
    holder.place('redirects', REDIRECTS);
    await holder.serve(bothFamilies(), { ...STARTED, address: VIP4 });
    await untilRedirects(holder, 'applied');
    const client = await proxied.plainNode();
    await connected(client, VIP4);
    const table = new TranslatedConnections({ directory: holder.runtime });
    const byOther = await table.to([holder.address, '10.77.0.101']);
    expect(byOther).toEqual(new Map());
    expect(countOf(await table.to([VIP4]))).toBe(COUNT);
  });
});
