import path from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

const PROGRAM = path.resolve(import.meta.dirname, '../../images/keepalived/lib/addresses.awk');
const LIMIT_MS = 10_000;

/** What the supervisor knows, and one address that is on eth0; each line as the program takes it. */
interface Case {
  readonly knows: readonly string[];
  /** As `ip -o address show` prints it after the interface. */
  readonly here?: string;
  /** Whether an address that keepalived added has a mark. */
  readonly marks?: boolean;
}

async function answer(task: string, { knows, here, marks = true }: Case): Promise<string> {
  const lines = [...knows, ...(here === undefined ? [] : [`here 2: eth0    ${here}`])];
  const variables = ['-v', `task=${task}`, '-v', `marks=${marks ? 1 : 0}`];
  const input = lines.map((line) => `${line}\n`).join('');
  return (await execa('awk', [...variables, '-f', PROGRAM], { input, timeout: LIMIT_MS })).stdout;
}

const PLAIN = 'inet 10.0.0.9/24 scope global eth0';
const MARKED = 'inet 10.0.0.9/24 scope global proto 0x12 eth0';
const LISTED = 'listed eth0 10.0.0.9/24';
const OWN = 'own eth0 10.0.0.9/24';
const ASKED = 'asked eth0 10.0.0.9/24';
const DROP = 'drop eth0 10.0.0.9/24';
const CONFIGURED = 'of eth0 10.0.0.9/24 vip';
const TEXT = 'eth0 10.0.0.9/24';

describe('an address that a configuration asks for', () => {
  it.each([
    ['is the node’s own where keepalived never put it', { knows: [ASKED], here: PLAIN }, '10.0.0.9 eth0'],
    ['is ours by the list', { knows: [ASKED, LISTED], here: PLAIN }, ''],
    [
      'is the node’s own when it was found to be, whatever the list says',
      { knows: [ASKED, LISTED, OWN], here: PLAIN },
      '10.0.0.9 eth0',
    ],
    ['is ours by the list and its mark', { knows: [ASKED, LISTED, OWN], here: MARKED }, ''],
    [
      'is compared as a number',
      { knows: ['asked eth0 2001:DB8:0::00A9/64'], here: 'inet6 2001:db8::a9/64 scope global' },
      '2001:DB8:0::00A9 eth0',
    ],
    ['is free where it is not on the node', { knows: [ASKED], here: 'inet 10.0.0.8/24 scope global eth0' }, ''],
  ] satisfies [string, Case, string][])('%s', async (_what, known, expected) => {
    expect(await answer('conflicts', known)).toBe(expected);
  });
});

describe('an address on an interface', () => {
  it.each([
    ['is the node’s own without being listed', 'own', { knows: [], here: PLAIN }, TEXT],
    [
      'is ours under a listed number, whatever its prefix',
      'own',
      { knows: ['listed eth0 10.0.0.9/32'], here: PLAIN },
      '',
    ],
    [
      'is not the node’s own on lo where this release has put it there',
      'own',
      { knows: ['loopback 2001:db8::9/128', 'here 1: lo    inet6 2001:db8:0::9/128 scope global'] },
      '',
    ],
    [
      'is the node’s own on lo otherwise',
      'own',
      { knows: ['loopback 10.0.0.8/32', 'here 1: lo    inet 10.0.0.9/32 scope global lo'] },
      'lo 10.0.0.9/32',
    ],
    [
      'is nobody’s while it is link-local',
      'own',
      { knows: [], here: 'inet6 fe80::1/64 scope link \\ valid_lft forever' },
      '',
    ],
    [
      'is the node’s own at the start without a mark, even if listed',
      'own-at-start',
      { knows: [LISTED], here: PLAIN },
      TEXT,
    ],
    ['is ours at the start with both', 'own-at-start', { knows: [LISTED], here: MARKED }, ''],
    ['is the node’s own at the start with a mark alone', 'own-at-start', { knows: [], here: MARKED }, TEXT],
    [
      'is ours at the start by the list alone where there are no marks',
      'own-at-start',
      { knows: [LISTED], here: PLAIN, marks: false },
      '',
    ],
    ['is removed when it is not the node’s own', 'removable', { knows: [DROP], here: PLAIN }, TEXT],
    ['stays when it is', 'removable', { knows: [DROP, OWN], here: PLAIN }, ''],
    ['is removed by its mark', 'removable', { knows: [DROP, OWN], here: MARKED }, TEXT],
    ['stays with another prefix than the list has', 'removable', { knows: ['drop eth0 10.0.0.9/32'], here: PLAIN }, ''],
  ] satisfies [string, string, Case, string][])('%s', async (_what, task, known, expected) => {
    expect(await answer(task, known)).toBe(expected);
  });
});

describe('an address of an instance', () => {
  it.each([
    ['is where it should be on a MASTER', 'MASTER', { knows: [LISTED], here: MARKED }, ''],
    ['strays on a BACKUP', 'BACKUP', { knows: [LISTED], here: PLAIN }, `stray ${TEXT} vip`],
    ['strays where the instance is in no state', 'FAULT', { knows: [LISTED], here: MARKED }, `stray ${TEXT} vip`],
    [
      'is managed by somebody else',
      'BACKUP',
      { knows: [LISTED], here: 'inet 10.0.0.9/24 scope global dynamic eth0' },
      `managed ${TEXT} vip`,
    ],
    ['is left alone on a BACKUP when it is the node’s own', 'BACKUP', { knows: [LISTED, OWN], here: PLAIN }, ''],
    ['lacks on a MASTER', 'MASTER', { knows: [LISTED] }, `lacking ${TEXT} vip`],
    ['need not be on a BACKUP', 'BACKUP', { knows: [LISTED] }, ''],
  ] satisfies [string, string, Case, string][])('%s', async (_what, state, known, expected) => {
    const knows = [...known.knows, CONFIGURED, `state vip ${state}`];
    expect(await answer('misplaced', { ...known, knows })).toBe(expected);
  });
});
