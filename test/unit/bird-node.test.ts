import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PARTS = join(import.meta.dirname, '../../images/bird/lib');
const COMMON = join(import.meta.dirname, '../../images/supervisor');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bird-node-'));
  writeFileSync(join(folder, 'router-ids'), 'node-1.example.org=10.0.0.11\nnode2=10.0.0.2\n');
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Calls one of the functions; gives what it said. */
function call(call: string, env: Readonly<Record<string, string>> = {}): string {
  const own = ['node.sh', 'passwords.sh', 'tell.sh'].map((name) => join(PARTS, name));
  const parts = [join(COMMON, 'log.sh'), ...own];
  const script = `set -u; TOLD_DIR=$RUNTIME_DIR/told; ${parts.map((part) => `. ${part}`).join('; ')}; ${call} || echo failed`;
  return execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: {
      PATH: `${folder}:${process.env.PATH}`,
      CONFIG_DIR: folder,
      PASSWORD_DIR: folder,
      RUNTIME_DIR: folder,
      ...env,
    },
  });
}

function nodeConf(name: string, addresses: string): string {
  expect(call('write_node', { NODE_NAME: name, NODE_IPS: addresses })).toBe('');
  return readFileSync(join(folder, 'node.conf'), 'utf8');
}

describe('what BIRD’s configuration says of the node', () => {
  it.each([
    ['its IPv4 address', 'node3', '192.168.11.3,fd00::3', '192.168.11.3'],
    ['its IPv4 address, also where that comes second', 'node3', 'fd00::3,192.168.11.3', '192.168.11.3'],
    ['the id that is given for it', 'node2', '192.168.11.3', '10.0.0.2'],
    ['not that of a name that a pattern would find', 'node-1xexample.org', '192.168.11.3', '192.168.11.3'],
    ['without IPv4 the last 32 bits of its address', 'node3', 'fd00::abcd:102:a0b', '1.2.10.11'],
    ['the same where zeros are left out', 'node3', 'fd00:1::b', '0.0.0.11'],
    ['the same where nearly all are', 'node3', 'fd00::1:0', '0.1.0.0'],
  ])('is, as router id, %s', (_, name, addresses, id) => {
    expect(nodeConf(name, addresses)).toContain(`router id ${id};\n`);
  });

  it('is each family’s address, by which sessions over several hops begin', () => {
    expect(nodeConf('node3', 'fd00::3,192.168.11.3')).toMatch(
      /^define node_ipv4 = 192\.168\.11\.3;\ndefine node_ipv6 = fd00::3;$/m,
    );
    expect(nodeConf('node3', '192.168.11.3')).toMatch(/^define node_ipv6 = ::;$/m);
  });

  it('is not made up where there is none', () => {
    const said = call('write_node', { NODE_NAME: 'node3', NODE_IPS: 'fd00::' });
    expect(said).toMatch(/no IPv4 address and no other router id: give it one in bgp\.routerIds" node="node3"/);
    expect(said).toMatch(/\nfailed\n$/);
  });
});

describe('the password of a session', () => {
  const statements = (password: string | undefined) => {
    writeFileSync(join(folder, 'passwords'), 'to_10_0_0_1\n');
    if (password !== undefined) writeFileSync(join(folder, 'to_10_0_0_1'), password);
    const said = call('write_passwords');
    return { said, conf: readFileSync(join(folder, 'to_10_0_0_1.conf'), 'utf8') };
  };

  it('is what the Secret has, without the end of line that editors add', () => {
    const { said, conf } = statements(`a b;'\\}1\n`);
    expect(conf).toBe(`authentication md5;\npassword "a b;'\\}1";\n`);
    expect(said).toBe('');
  });

  it.each([
    ['there is no such Secret or key', undefined],
    ['it is empty', '\n'],
    ['it has a quote', 'a"; disabled no; #'],
    ['it has a quote, a line break', 'a\nb'],
    ['or a character that is not ASCII', 'pässword'],
    ['it has more than 80 characters', 'x'.repeat(81)],
  ])('is none, and then there is no session: %s', (because, password) => {
    const { said, conf } = statements(password);
    expect(conf).toBe('disabled yes;\n');
    expect(said).toContain(because);
    expect(said).toContain('peer="to_10_0_0_1"');
  });
});

describe('what the sidecar is told of BIRD', () => {
  const FILE = 'told/bird.status';
  /** Puts a client of BIRD in place, makes the call, and gives the file. */
  const told = (client: string, what: string) => {
    writeFileSync(join(folder, 'birdcl'), `#!/bin/sh\n${client}\n`, { mode: 0o755 });
    mkdirSync(join(folder, 'told'), { recursive: true });
    call(what, { SOCKET: '/socket', ANSWER_SECONDS: '30' });
    return readFileSync(join(folder, FILE), 'utf8');
  };

  it('is what BIRD says of its sessions, when that was, and what is not as it should be', () => {
    const text = told(
      String.raw`printf 'a  BGP\n  BGP state: Established\r\n\nb  BGP\n'`,
      "problem='a thing\nanother'; password_problems='a third'; tell_of_sessions bgp",
    );
    expect(text).toMatch(/^uptime=\d+\.\d+\nstate=running\n/);
    expect(text.split('\n').slice(2)).toEqual([
      ...['message=a thing', 'message=another', 'message=a third'],
      ...['bird=a  BGP', 'bird=  BGP state: Established?', 'bird=b  BGP', ''],
    ]);
  });

  it('can be read by another user, and has no password in it', () => {
    writeFileSync(join(folder, 'passwords'), 'to_10_0_0_1\nto_10_0_0_2\n');
    writeFileSync(join(folder, 'to_10_0_0_1'), 'open, Sesame');
    const text = told('exit 0', 'umask 077; write_passwords >/dev/null; tell_of_sessions bgp');
    expect(statSync(join(folder, FILE)).mode & 0o777).toBe(0o644);
    expect(text).not.toContain('Sesame');
    expect(text).toContain('message=no session with to_10_0_0_2: its password cannot be used: there is no such Secret');
  });

  it.each([
    ['bgp', 'show protocols all'],
    ['bfd', 'show bfd sessions'],
  ])('is, of %s, what it answers to: %s', (role, command) => {
    expect(told('echo "$@"', `tell_of_sessions ${role}`)).toContain(`\nbird=-s /socket ${command}\n`);
  });

  it('is that BIRD does not answer, without what it said before', () => {
    expect(told('echo ready; exit 1', 'tell_of_sessions bgp')).toMatch(/^uptime=\S+\nstate=silent\n$/);
  });

  it('is nothing where there is no place for it, as in a pod of an older release', () => {
    expect(call('tell waiting')).toBe('');
    expect(existsSync(join(folder, FILE))).toBe(false);
  });
});
