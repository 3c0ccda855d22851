import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BgpStatusFile, parseBgpReport } from './bgp-status.ts';
import { SharedDirectory } from './shared-directory.ts';

/** As BIRD 2.17 answers to `show protocols all`. */
const BIRD = `BIRD 2.17.6 ready.
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     17:02:21.010  

addresses  Direct     ---        up     17:02:21.010  
  Channel ipv4
    State:          UP
    Routes:         3 imported, 0 exported, 3 preferred

to_192_0_2_251 BGP        ---        up     17:02:29.923  Established   
  BGP state:          Established
    Neighbor address: 192.0.2.251
    Neighbor AS:      64513
  Channel ipv4
    State:          UP
    Output filter:  announced4
    Routes:         0 imported, 2 exported, 0 preferred

to_fd00_0_0_0_0_0_0_252 BGP        ---        start  17:02:26.587  Active        Socket: Connection refused
  BGP state:          Active
    Neighbor address: fd00::252%eth0
    Neighbor AS:      64513
    Connect delay:    0.502/1
    Last error:       Socket: Connection refused
  Channel ipv6
    State:          DOWN

to_198_51_100_1 BGP        ---        start  17:02:26.587  Idle          
  BGP state:          Idle
    Neighbor address: 198.51.100.1

to_192_0_2_252 BGP        ---        start  17:02:26.587  Idle          BGP Error: Hold timer expired
  BGP state:          Idle
    Neighbor address: 192.0.2.252
    Error wait:       0.412/1
    Last error:       Error: Hold timer expired`;

function told(state: string, bird = ''): string {
  const lines = bird === '' ? [] : bird.split('\n').map((line) => `bird=${line}`);
  return ['uptime=1234.56', `state=${state}`, 'message=one thing', ...lines, ''].join('\n');
}

describe('what BIRD’s supervisor tells', () => {
  it('is each session with its router, what that was told, and why there is none', () => {
    const report = parseBgpReport(told('running', BIRD));
    expect(report).toMatchObject({ atSeconds: 1234.56, state: 'running', messages: ['one thing'] });
    const none = { announced: undefined, lastError: undefined, waitsAfterError: false };
    expect(report?.sessions).toEqual([
      { ...none, peer: '192.0.2.251', state: 'Established', announced: 2 },
      { ...none, peer: 'fd00::252', state: 'Active', lastError: 'Socket: Connection refused' },
      { ...none, peer: '198.51.100.1', state: 'Idle' },
      {
        ...{ peer: '192.0.2.252', state: 'Idle', announced: undefined },
        ...{ lastError: 'Error: Hold timer expired', waitsAfterError: true },
      },
    ]);
  });

  it('is of BFD which routers answer', () => {
    const bfd = `BIRD 2.17.6 ready.
routers:
IP address                Interface  State      Since         Interval  Timeout
172.30.0.251              eth0       Up         17:02:29.923    0.100    0.500
fd00:172:30::252          eth0       Init       17:02:29.923    0.100    0.500
172.30.0.252              ---        Down       17:02:29.923    1.000    0.000
to_172_30_0_9             eth0       Up         17:02:29.923    1.000    0.000`;
    expect(parseBgpReport(told('running', bfd))).toMatchObject({
      sessions: [],
      bfdSessions: [
        { peer: '172.30.0.251', up: true },
        { peer: 'fd00:172:30::252', up: false },
        { peer: '172.30.0.252', up: false },
      ],
    });
    expect(parseBgpReport(told('running', BIRD))?.bfdSessions).toEqual([]);
  });

  it('is nothing when it is not whole', () => {
    expect(parseBgpReport('')).toBeUndefined();
    expect(parseBgpReport('uptime=then\nstate=running\n')).toBeUndefined();
    expect(parseBgpReport('uptime=1\n')).toBeUndefined();
  });

  it('takes no time of a line of spaces that is as long as the whole file, and is not read to its end', () => {
    const lines = ['to_x BGP up', '  BGP state: Active', '    Neighbor address: 192.0.2.1'];
    const long = `    Routes:${' '.repeat(250_000)}5 exported`;
    const [session] = parseBgpReport(told('running', [...lines, long].join('\n')))?.sessions ?? [];
    expect(session).toMatchObject({ peer: '192.0.2.1', announced: undefined });
  });

  it('is no address where something else is written in its place', () => {
    const forged = BIRD.replace('192.0.2.251\n', '1.2.3.4"} 1\n');
    expect(parseBgpReport(told('running', forged))?.sessions).toHaveLength(3);
  });
});

describe('the file', () => {
  let folder: string;
  const read = () => new BgpStatusFile({ directory: new SharedDirectory({ path: folder }) }).read();
  const path = () => join(folder, 'bird.status');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bgp-status-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read', async () => {
    writeFileSync(path(), told('waiting'));
    expect(await read()).toMatchObject({ state: 'waiting', sessions: [] });
  });

  it('is none before there is one', async () => {
    expect(await read()).toBeUndefined();
  });

  it('is none when it is a link or a directory, whatever it leads to', async () => {
    writeFileSync(join(folder, 'other'), told('running'));
    symlinkSync('other', path());
    expect(await read()).toBeUndefined();
    rmSync(path());
    mkdirSync(path());
    expect(await read()).toBeUndefined();
  });

  it('is read to a limit, however long it is', async () => {
    writeFileSync(path(), `${told('running', BIRD)}${'message=more\n'.repeat(100_000)}`);
    const report = await read();
    expect(report?.sessions).toHaveLength(4);
    expect(report?.messages).toHaveLength(20);
  });
});
