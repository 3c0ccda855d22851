import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { renderRedirects } from '../../sidecar/runtime/redirects.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../images/keepalived/lib/redirects.awk');
const LIMIT_MS = 10_000;

/** What nft is to read, by what the supervisor knows and what is asked for. */
async function rulesOf(known: readonly string[], asked: readonly string[], flags = 'flags owner;'): Promise<string> {
  const variables = ['-v', 'table=kiv', '-v', `flags=${flags}`];
  const input = [...known, 'what is asked for:', ...asked].map((line) => `${line}\n`).join('');
  return (await execa('awk', [...variables, '-f', PROGRAM], { input, timeout: LIMIT_MS })).stdout;
}

describe('the file of redirects', () => {
  it('may have what the sidecar writes', async () => {
    const text = renderRedirects({
      redirects: [
        { address: '192.0.2.1', port: 6443, toPort: 6444 },
        { address: '2001:db8::192.0.2.1', port: 1, toPort: 65535 },
        { address: '192.0.2.2', port: 6443, toPort: 6444, own: true },
      ],
      masquerades: [{ address: '192.0.2.2', port: 6443 }],
      guards: [1024],
    });
    expect(await rulesOf([], text.trimEnd().split('\n'))).not.toMatch(/^!/);
  });

  it.each([
    'redirect 192.0.2.1 6443 6444; flush ruleset',
    'redirect 192.0.2.1 6443',
    'redirect 192.0.2.1 6443 6444 6445',
    'redirect 192.0.2.1/24 6443 6444',
    'redirect 192.0.2.1-192.0.2.9 6443 6444',
    'redirect {192.0.2.1} 6443 6444',
    'redirect $address 6443 6444',
    'redirect localhost 6443 6444',
    'redirect 1234 6443 6444',
    'redirect 192.0.2.1 0 6444',
    'redirect 192.0.2.1 65536 6444',
    'redirect 192.0.2.1 1-65535 6444',
    'redirect 192.0.2.1 06443 6444',
    'redirect 192.0.2.1 6443 22',
    'local 192.0.2.1 6443 22',
    'local 192.0.2.1 6443',
    'masquerade 192.0.2.1 6443 6444',
    'masquerade 0.0.0.0/0 6443',
    'masquerade 192.0.2.1',
    'guard 22',
    'guard 6444 6445',
    'guard',
    'include "/etc/shadow"',
    '# a comment',
    '',
    'guard 6444\u0007',
    'guard\u00a06444',
  ])('may not have %j', async (line) => {
    const said = await rulesOf([], ['guard 6444', line]);
    expect(said).toMatch(
      /^! \(redirects: Line 2\) no redirect and no guard: ".*"; write what the sidecar writes only$/,
    );
  });

  it('may not be larger than what is read of it', async () => {
    const said = await rulesOf([], Array(6_000).fill('guard 65535'));
    expect(said).toBe('! the file of redirects is larger than it can be; look at what wrote it');
  });

  it('is told to be wrong in five lines at most', async () => {
    expect((await rulesOf([], Array(9).fill('wrong'))).split('\n')).toHaveLength(5);
  });
});

const WILDCARD = 'listener 00000000 192C 65532';
const CONFIGURED = ['#! address eth0 192.0.2.1/32 api_1', '#! address eth0 2001:db8::1/64'];
/** An address of the node's own that is there. */
function own(device: string, address: string, words = ''): string[] {
  const family = address.includes(':') ? 'inet6' : 'inet';
  return [`own ${device} ${address}`, `2: ${device}    ${family} ${address} scope global${words} ${device}`];
}
const OWN = [
  'own eth0 192.0.2.8/24', // no more
  '2: eth0    inet 192.0.2.1/32 scope global proto 0x12 eth0',
  ...own('eth0', '192.0.2.9/24'),
  ...own('eth0', '192.0.2.10/24'),
  ...own('eth1', '2001:db8:1::9/64'),
];
const REDIRECT = 'redirect 192.0.2.1 6443 6444';
const REDIRECT6 = 'redirect 2001:db8::1 6443 6444';
const GUARD = 'guard 6444';

describe('the rules of nftables', () => {
  it('are one table, which is replaced as a whole', async () => {
    expect(await rulesOf([...CONFIGURED, ...OWN, WILDCARD], [REDIRECT, GUARD])).toBe(
      `table inet kiv {
	flags owner;
}
flush table inet kiv
table inet kiv {
	flags owner;
	chain prerouting {
		type nat hook prerouting priority -150; policy accept;
		ip daddr 192.0.2.1 tcp dport 6443 tcp flags & (fin | syn | rst | ack) == syn dnat ip to 192.0.2.9:6444
	}
	chain output {
		type nat hook output priority -150; policy accept;
		ip daddr 192.0.2.1 tcp dport 6443 tcp flags & (fin | syn | rst | ack) == syn redirect to :6444
	}
	chain guard {
		type filter hook input priority 0; policy accept;
		tcp dport 6444 ct status & dnat != dnat reject with tcp reset
	}
}`,
    );
  });

  it('are for the node and its pods alone where IPVS balances what others send', async () => {
    const rules = await rulesOf([...CONFIGURED, ...OWN, WILDCARD], ['local 192.0.2.1 6443 6444']);
    const words = 'ip daddr 192.0.2.1 tcp dport 6443 tcp flags & (fin | syn | rst | ack) == syn';
    expect(rules).toContain(`\t\tiifname != { "eth0", "tunl0", "ip6tnl0" } ${words} dnat ip to 192.0.2.9:6444\n`);
    expect(rules).toContain(`\t\t${words} redirect to :6444\n`);
  });

  it('have what IPVS sends to other nodes come from this one, also while nothing is redirected', async () => {
    const rules = await rulesOf([...CONFIGURED, ...OWN], ['masquerade 192.0.2.1 6443', 'masquerade 192.0.2.77 6443']);
    expect(rules).toContain(`\tchain postrouting {
\t\ttype nat hook postrouting priority 90; policy accept;
\t\tip daddr != 192.0.2.1 oifname != "lo" ct original ip daddr 192.0.2.1 ct original proto-dst 6443 masquerade
\t}`);
    expect(rules).not.toContain('192.0.2.77');
  });

  it('are of an ordinary table where the kernel has no other', async () => {
    const rules = await rulesOf([...CONFIGURED, ...OWN, WILDCARD], [REDIRECT], '');
    expect(rules).toMatch(/^table inet kiv \{\n\}\nflush table inet kiv\ntable inet kiv \{\n\tchain /);
  });

  it('take an address that the node holds where it has no other of that family on the interface', async () => {
    const rules = await rulesOf([...CONFIGURED, ...OWN, WILDCARD], [REDIRECT6]);
    expect(rules).toContain('ip6 daddr 2001:db8::1 tcp dport 6443');
    expect(rules).toContain('fib daddr type local dnat to :6444');
  });

  it('lead to an IPv6 address of the node, one that stays', async () => {
    const mine = [...own('eth0', '2001:db8::8/64', ' temporary dynamic'), ...own('eth0', '2001:db8::9/64')];
    const rules = await rulesOf([...CONFIGURED, ...mine, WILDCARD], [REDIRECT6]);
    expect(rules).toContain('dnat ip6 to [2001:db8::9]:6444');
  });

  it('are none where nothing is asked for', async () => {
    expect(await rulesOf([...CONFIGURED, ...OWN, WILDCARD], [])).toBe('');
  });

  it.each([
    [
      'keepalived has no such address',
      [WILDCARD],
      '192.0.2.1 is not redirected: keepalived has no such virtual address',
    ],
    [
      'nobody listens there',
      CONFIGURED,
      '192.0.2.1 is not redirected: nobody listens on port 6444 of every address of this node',
    ],
    [
      'somebody listens on one address only',
      [...CONFIGURED, 'listener 0100007F 192C 65532'],
      '192.0.2.1 is not redirected: nobody listens on port 6444 of every address of this node',
    ],
    [
      'root listens there',
      [...CONFIGURED, 'listener 00000000 192C 0'],
      "port 6444 of this node is another program's, of root: end that, or take another port for the proxy",
    ],
  ])('are none, and say so, where %s', async (_what, lines, said) => {
    expect(await rulesOf(lines, [REDIRECT])).toBe(`# ${said}`);
  });

  it('close a port also before anybody listens on it, and never one of root', async () => {
    expect(await rulesOf([], [GUARD])).toContain('tcp dport 6444 ct status & dnat != dnat reject with tcp reset');
    expect(await rulesOf(['listener 0100007F 192C 0'], [GUARD])).not.toContain('reject');
  });
});
