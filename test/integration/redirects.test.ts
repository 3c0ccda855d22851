import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Container,
  isRunning,
  killContainer,
  pidsInside,
  signalContainer,
  stopContainer,
} from '../support/container.ts';
import { ensureImageRoot } from '../support/image-root.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { ip, sysctl } from '../support/netns.ts';
import type { Program } from '../support/program.ts';
import {
  addPod,
  address6,
  BIND_PORT,
  bothFamilies,
  cutOff,
  GUARD_ALONE,
  nft,
  PORT,
  Proxied,
  REDIRECTING,
  REDIRECTS,
  redirectMessages,
  redirectStatus,
  requestRedirects,
  TABLE,
  tables,
  untilRedirects,
  VIP4,
  VIP6,
} from './proxied-node.ts';
import type { StartOptions, TestNode } from './supervisor/node.ts';

const skip = mustSkip('the redirect of virtual addresses to the proxy', [
  canMakeNamespaces,
  command('mmdebstrap'),
  command('nft'),
  command('haproxy'),
]);

const OWN_TABLE = `table inet ${TABLE}`;

/** What stands for nft where the kernel has no tables that belong to a process; it notes each call, and may end when it has made one. */
function oldNft(realRoot: string, { ends = false } = {}): string {
  return `#!/bin/sh
echo "$*" >>/tmp/nft.calls
nft() { /usr/sbin/nft.real "$@"; }
[ "$1" = -i ] || exec /usr/sbin/nft.real "$@"
echo 'Cannot read termcap database;' >&2 # as in the image, which has none
while read -r word rest; do
	case $word in
	include)
		file=\${rest#\\"}
		file=\${file%\\"}
		if grep -q 'flags owner' "$file"; then echo 'Error: Could not process rule: Operation not supported' >&2; else nft -f "$file"${ends ? '; exit' : ''}; fi
		;;
	*) nft $word $rest ;;
	esac
done
# stands for the one of ${realRoot}
`;
}

describe.skipIf(skip)('a redirected address', () => {
  const proxied = new Proxied();
  proxied.register();
  const folder = mkdtempSync(join(tmpdir(), 'redirects-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Place {
    readonly holder: TestNode;
    readonly other: TestNode;
    readonly client: TestNode;
    readonly proxy: Program;
    readonly container: Container;
  }

  /** A holder with everything on it, another node with a server, and a client. */
  async function place(options: StartOptions = {}): Promise<Place> {
    const holder = await proxied.node('holder');
    const other = await proxied.node('other');
    const client = await proxied.plainNode();
    const proxy = await proxied.proxy(holder, [holder, other]);
    holder.place('redirects', REDIRECTS);
    const container = await holder.serve(bothFamilies(), { ...options, address: VIP4, ...REDIRECTING });
    await untilRedirects(holder, 'applied');
    return { holder, other, client, proxy, container };
  }

  /** An nft in the container that is not the image's. */
  async function withNft(text: string): Promise<StartOptions> {
    const root = await ensureImageRoot();
    const file = join(folder, 'nft');
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return {
      binds: [
        { host: join(root, 'usr/sbin/nft'), container: '/usr/sbin/nft.real', readOnly: true },
        { host: file, container: '/usr/sbin/nft', readOnly: true },
      ],
    };
  }

  it.each([VIP4, VIP6])(
    '%s gets clients, other nodes and its holder to the proxy, beside a server on the same port of every address',
    async (vip) => {
      const { holder, other, client } = await place();
      for (const from of [client, other, holder]) {
        expect(new Set(await proxied.ask(from, vip, { times: 4 }))).toEqual(new Set(['holder', 'other']));
      }
      expect(await proxied.ask(client, holder.address)).toEqual(['holder', 'holder', 'holder']);
      expect(await proxied.ask(holder, '127.0.0.1')).toEqual(['holder', 'holder', 'holder']);
    },
  );

  it('also gets there what comes by an interface without an address, as from a pod', async () => {
    const { holder } = await place();
    const pod = await addPod(holder);
    try {
      expect(new Set(await proxied.ask({ netns: pod }, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
    } finally {
      await ip(['netns', 'delete', pod]);
    }
  });

  it('that IPVS balances is the proxy’s for what the holder and its pods ask, and for nobody else', async () => {
    const { holder, client } = await place();
    requestRedirects(holder, `local ${VIP4} ${PORT} ${BIND_PORT}\nguard ${BIND_PORT}\n`);
    // Without IPVS, what is not redirected is the server's of the node.
    await holder.until('leaves others alone', async () => {
      return new Set(await proxied.ask(client, VIP4, { times: 4 })).size === 1;
    });
    const pod = await addPod(holder);
    try {
      for (const from of [holder, { netns: pod }]) {
        expect(new Set(await proxied.ask(from, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
      }
    } finally {
      await ip(['netns', 'delete', pod]);
    }
    expect(await proxied.ask(client, VIP4)).toEqual(['holder', 'holder', 'holder']);
  });

  it('that is sent on to a server in the client’s own network has the answer come back by this node', async () => {
    const { holder, other, client } = await place();
    await sysctl(holder.netns, { 'net.ipv4.ip_forward': '1' });
    requestRedirects(holder, `guard ${BIND_PORT}\n`);
    await holder.until('redirects nothing', async () => !(await nft(holder, 'list', 'ruleset')).includes('redirect'));
    // It stands for IPVS, which rewrites the address as well.
    const rule = `ip daddr ${VIP4} tcp dport ${PORT} dnat to ${other.address}`;
    expect(
      await nft(holder, `table ip stand-in { chain in { type nat hook prerouting priority -100; ${rule}; }; }`),
    ).toBe('');
    expect(await proxied.ask(client, VIP4, { times: 1 })).not.toEqual(['other']);
    requestRedirects(holder, `masquerade ${VIP4} ${PORT}\nguard ${BIND_PORT}\n`);
    await holder.until('masquerades', async () => (await nft(holder, 'list', 'ruleset')).includes('masquerade'));
    expect(await proxied.ask(client, VIP4)).toEqual(['other', 'other', 'other']);
  });

  it('is redirected on an interface that has no other address of its family, while the node holds it', async () => {
    const holder = await proxied.node('holder');
    const [other, client] = [await proxied.node('other'), await proxied.plainNode()];
    await ip(['address', 'delete', address6(holder), 'dev', 'eth0'], holder.netns);
    await ip(['route', 'add', '2001:db8:77::/64', 'dev', 'eth0'], holder.netns);
    await proxied.proxy(holder, [holder, other]);
    holder.place('redirects', REDIRECTS);
    await holder.serve(bothFamilies(), { address: VIP4, ...REDIRECTING });
    await untilRedirects(holder, 'applied');
    expect(new Set(await proxied.ask(client, VIP6, { times: 4 }))).toEqual(new Set(['holder', 'other']));
  });

  it('goes to the proxy whatever kube-proxy would do with it, and leaves kube-proxy’s rules and other tables alone', async () => {
    const { holder, client, container } = await place();
    const rule = (hook: string, priority: number) =>
      `chain ${hook} { type nat hook ${hook} priority ${priority}; ip daddr ${VIP4} tcp dport ${PORT} counter dnat to 10.77.0.250; ip daddr 10.77.0.251 counter dnat to ${holder.address}; }`;
    const table = (name: string, priority: number) =>
      nft(holder, `table ip ${name} { ${rule('prerouting', priority)}; ${rule('output', priority)}; }`);
    expect([await table('kube-proxy', -110), await table('nat', -100)]).toEqual(['', '']);
    for (const from of [client, holder]) {
      expect(new Set(await proxied.ask(from, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
    }
    expect(await proxied.ask(holder, '10.77.0.251')).toEqual(['holder', 'holder', 'holder']);
    await stopContainer(container);
    expect(await tables(holder)).toEqual(['table ip kube-proxy', 'table ip nat']);
  });

  it('is the only way to the proxy’s port', async () => {
    const { holder, client } = await place();
    for (const [from, host] of [
      [client, holder.address],
      [client, VIP4],
      [client, VIP6],
      [holder, '127.0.0.1'],
      [holder, '::1'],
      [holder, holder.address],
    ] as const) {
      expect([host, await proxied.ask(from, host, { port: BIND_PORT, times: 1 })]).toEqual([host, ['ECONNREFUSED']]);
    }
  });

  it('stays redirected when somebody flushes all rules or deletes the table', async () => {
    const { holder, client } = await place();
    expect(await nft(holder, 'flush', 'ruleset')).toBe('');
    expect(await nft(holder, 'delete', 'table', 'inet', TABLE)).toMatch(/failed: .*not permitted/s);
    expect(await proxied.ask(client, VIP4, { port: BIND_PORT, times: 1 })).toEqual(['ECONNREFUSED']);
    expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
    expect(holder.log).not.toContain('the redirects were gone');
  });

  it('is redirected again when the process that keeps the table was killed', async () => {
    const { holder, client, container } = await place();
    const isNft = ({ host }: { host: number }) => readFileSync(`/proc/${host}/comm`, 'utf8') === 'nft\n';
    process.kill(pidsInside(container).find(isNft)?.host ?? 0, 'SIGKILL');
    await holder.until('is noticed', () => holder.log.includes('the redirects were gone'));
    await holder.until('is there', async () => (await tables(holder)).includes(OWN_TABLE));
    expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
  });

  describe('of which the redirect goes and comes', () => {
    it('is the server’s of the node meanwhile, and connections of either kind go on', async () => {
      const { holder, client } = await place();
      const [redirected, local] = [await proxied.stream(client, VIP4), await proxied.stream(holder, VIP4)];
      requestRedirects(holder, GUARD_ALONE);
      await holder.until('is off', async () => !(await nft(holder, 'list', 'ruleset')).includes('dnat ip'));
      expect(await proxied.ask(client, VIP4)).toEqual(['holder', 'holder', 'holder']);
      expect(await proxied.ask(client, holder.address, { port: BIND_PORT, times: 1 })).toEqual(['ECONNREFUSED']);
      const direct = await Promise.all([proxied.stream(client, VIP4), proxied.stream(holder, VIP6)]);
      requestRedirects(holder, REDIRECTS);
      await holder.until('is on', async () => (await nft(holder, 'list', 'ruleset')).includes('dnat ip'));
      for (const stream of [redirected, local, ...direct]) await stream.goesOn();
      expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
    });

    it('breaks no connection to the node’s server where nothing had tracked connections before', async () => {
      const holder = await proxied.node('holder');
      const client = await proxied.plainNode();
      await holder.serve(bothFamilies(), { address: VIP4, ...REDIRECTING });
      expect(await tables(holder)).toEqual([]);
      const direct = await Promise.all([
        proxied.stream(client, VIP4),
        proxied.stream(client, VIP6),
        proxied.stream(holder, VIP4),
      ]);
      await proxied.proxy(holder, [holder]);
      requestRedirects(holder, REDIRECTS);
      await untilRedirects(holder, 'applied');
      for (const stream of direct) await stream.goesOn();
    });
  });

  it('tells clients at once that the proxy is dead, and is the node’s server’s when the redirect is off', async () => {
    const { holder, client, proxy } = await place();
    const streams = await Promise.all([proxied.stream(client, VIP4), proxied.stream(holder, VIP6)]);
    await proxy.stop();
    for (const stream of streams) await stream.until('is told', () => stream.end !== undefined);
    expect(await proxied.ask(client, VIP4, { times: 1 })).toEqual(['ECONNREFUSED']);
    requestRedirects(holder, GUARD_ALONE);
    await holder.until('is off', async () => (await proxied.ask(client, VIP4, { times: 1 }))[0] === 'holder');
  });

  it('is not redirected to a port where nobody listens, also when nobody says so, and is when somebody does', async () => {
    const { holder, client, other, proxy } = await place();
    await proxy.stop();
    await untilRedirects(holder, 'partly');
    expect(redirectMessages(holder)).toContain(
      `${VIP4} is not redirected: nobody listens on port ${BIND_PORT} of every address of this node`,
    );
    expect(await proxied.ask(client, VIP4)).toEqual(['holder', 'holder', 'holder']);
    await proxied.proxy(holder, [holder, other]);
    await untilRedirects(holder, 'applied');
    expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
  });

  describe('asked for by somebody who has only the sidecar’s rights', () => {
    it('is refused when it is more than addresses and ports, and what was in force stays', async () => {
      const { holder, client } = await place();
      requestRedirects(holder, `${REDIRECTS}redirect ${VIP4} 22 ${BIND_PORT}; flush ruleset\n`);
      await untilRedirects(holder, 'refused');
      expect(redirectMessages(holder)).toEqual([
        expect.stringMatching(
          /^\(redirects: Line 4\) no redirect and no guard: .*; write what the sidecar writes only$/,
        ),
      ]);
      expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
      requestRedirects(holder, REDIRECTS);
      await untilRedirects(holder, 'applied');
    });

    it('takes no address that is not virtual, and closes no port of a program of root', async () => {
      const { holder, client, other } = await place();
      await proxied.serve(holder, 'root', 2379);
      const more = `redirect ${other.address} ${PORT} ${BIND_PORT}\nguard 2379\nredirect ${VIP4} 22 2379\n`;
      requestRedirects(holder, `${REDIRECTS}${more}`);
      await untilRedirects(holder, 'partly');
      expect(redirectMessages(holder)).toEqual(
        [
          `${other.address} is not redirected: keepalived has no such virtual address`,
          'port 2379 of this node is another program’s, of root: end that, or take another port for the proxy',
        ].map((text) => text.replace('’', "'")),
      );
      expect(await proxied.ask(holder, other.address)).toEqual(['other', 'other', 'other']);
      expect(await proxied.ask(client, holder.address, { port: 2379, times: 1 })).toEqual(['root']);
      expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
    });
  });

  describe('of a supervisor that ends', () => {
    it('on SIGTERM leaves no rule', async () => {
      const { holder, container } = await place();
      expect(await tables(holder)).toEqual([OWN_TABLE]);
      signalContainer(container, 'SIGTERM');
      await holder.until('has ended', () => !isRunning(container));
      expect(await tables(holder)).toEqual([]);
      expect(redirectStatus(holder)).toBe('none');
    });

    it('by being killed with all it had leaves none either', async () => {
      const { holder, client, container } = await place();
      await killContainer(container);
      await holder.until('is gone', async () => (await tables(holder)).length === 0);
      // keepalived had no time to take it off.
      expect(await proxied.ask(client, VIP4)).toEqual(['holder', 'holder', 'holder']);
    });

    it('when the file is emptied leaves none', async () => {
      const { holder } = await place();
      requestRedirects(holder, '');
      await untilRedirects(holder, 'none');
      expect(await tables(holder)).toEqual([]);
    });
  });

  describe('where the kernel has no tables that belong to a process', () => {
    it('is redirected by an ordinary one, which is put there again after a flush, and removed at the end', async () => {
      const { holder, client, container } = await place(await withNft(oldNft(await ensureImageRoot())));
      expect(holder.log).toContain('this kernel has no tables that belong to a process');
      expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['holder', 'other']));
      await nft(holder, 'flush', 'chain', 'inet', TABLE, 'guard');
      await holder.until('is whole', async () => (await nft(holder, 'list', 'ruleset')).includes('reject'));
      await nft(holder, 'flush', 'ruleset');
      await holder.until('is there', async () => (await tables(holder)).includes(OWN_TABLE));
      await stopContainer(container);
      expect(await tables(holder)).toEqual([]);
    });

    it('is redirected no more at the end, also by a table whose nft ended before it told that it had made it', async () => {
      const holder = await proxied.node('holder');
      await proxied.proxy(holder, [holder]);
      holder.place('redirects', REDIRECTS);
      const options = await withNft(oldNft(await ensureImageRoot(), { ends: true }));
      const container = await holder.serve(bothFamilies(), { ...options, address: VIP4, ...REDIRECTING });
      await untilRedirects(holder, 'failed');
      expect(await tables(holder)).toEqual([OWN_TABLE]);
      await stopContainer(container);
      expect(await tables(holder)).toEqual([]);
    });

    it('what a killed supervisor left is removed by the next one', async () => {
      const { holder, container } = await place(await withNft(oldNft(await ensureImageRoot())));
      await killContainer(container);
      expect(await tables(holder)).toEqual([OWN_TABLE]);
      holder.forgetRuntime();
      await holder.start({ ...REDIRECTING });
      await holder.until('is gone', async () => (await tables(holder)).length === 0);
    });
  });

  it('that leaves the holder ends the connections that the holder itself has to it, which could not go on', async () => {
    const { holder, other, client } = await place();
    const own = await Promise.all([proxied.stream(holder, VIP4), proxied.stream(holder, VIP6)]);
    const node = await proxied.stream(holder, holder.address);
    await other.serve(bothFamilies(250), { address: VIP4, ...REDIRECTING });
    await holder.until('gives it away', async () => !(await holder.has(VIP4)));
    requestRedirects(holder, REDIRECTS);
    for (const stream of own) await stream.until('is ended', () => stream.end === 'ECONNABORTED');
    await node.goesOn();
    expect(new Set(await proxied.ask(client, VIP4))).toEqual(new Set(['other']));
  });

  it('costs nothing where no table is given: nft is not run, whatever lies there', async () => {
    const node = await proxied.node('node');
    const calls = join(node.runtime, 'nft.calls');
    const text = '#!/bin/sh\necho "$*" >>/run/keepalived-ingress-vip/nft.calls\nexec /usr/sbin/nft.real "$@"\n';
    const options = await withNft(text);
    node.place('redirects', REDIRECTS);
    await proxied.proxy(node, [node]);
    await node.serve(bothFamilies(), { ...options, address: VIP4, looks: REDIRECTING.looks });
    requestRedirects(node, REDIRECTS);
    // It looks at what it was woken for before it answers this.
    node.place('states.wanted', '');
    requestRedirects(node, REDIRECTS);
    await node.until('has looked', () => node.status.instances.length > 0);
    expect([existsSync(calls), await tables(node), redirectStatus(node)]).toEqual([false, [], '']);
    expect(await proxied.ask(node, VIP4, { times: 1 })).toEqual(['node']);
  });

  it('is the balancer of a node that does not hold it, whose connections go on while the holder is cut off and the address moves', async () => {
    const { holder, other, client } = await place();
    await proxied.proxy(other, [other, client]);
    await proxied.serve(client, 'client');
    other.place('redirects', REDIRECTS);
    other.offer(bothFamilies(243));
    await other.start({ ...REDIRECTING });
    await untilRedirects(other, 'applied');
    expect(await other.has(VIP4)).toBe(false);
    expect(new Set(await proxied.ask(other, VIP4, { times: 4 }))).toEqual(new Set(['other', 'client']));
    const vips = [VIP4, VIP6, VIP4, VIP6];
    const streams = await Promise.all(vips.map((vip) => proxied.stream(other, vip)));
    await cutOff(holder);
    await other.until('takes over', () => other.has(VIP4));
    for (const stream of streams) await stream.goesOn();
    expect(new Set(await proxied.ask(client, VIP4, { times: 4 }))).toEqual(new Set(['other', 'client']));
    expect(streams.map(({ end }) => end)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
