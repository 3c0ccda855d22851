import { describe, expect, it } from 'vitest';
import { parseMounts, parseRights } from '../e2e/process-rights.ts';

const STATUS = `Name:	keepalived
Uid:	0	0	0	0
Gid:	0	0	0	0
Groups:	0 
CapInh:	0000000000000000
CapPrm:	0000000000803000
CapEff:	0000000000803000
CapBnd:	0000020000803000
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
`;

describe('the rights of a process', () => {
  it('are read from its status, capabilities by name where the chart has one', () => {
    expect(parseRights(STATUS)).toEqual({
      users: [0, 0, 0, 0],
      groups: [0, 0, 0, 0],
      permitted: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'],
      effective: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE'],
      inheritable: [],
      bounding: ['NET_ADMIN', 'NET_RAW', 'SYS_NICE', '41'],
      ambient: [],
      noNewPrivileges: true,
      filtered: true,
    });
  });

  it('are not guessed where the kernel says nothing', () => {
    expect(() => parseRights(STATUS.replace(/^CapBnd.*\n/m, ''))).toThrow(/no line CapBnd/);
  });
});

describe('the mounts of a process', () => {
  it('are read with whether they can be written, the upper one where two lie on one another', () => {
    const text = `overlay / overlay ro,relatime,lowerdir=/rw 0 0
tmpfs /run tmpfs ro,relatime 0 0
tmpfs /run tmpfs rw,relatime,size=16384k 0 0
`;
    expect(parseMounts(text)).toEqual([
      { path: '/', type: 'overlay', writable: false },
      { path: '/run', type: 'tmpfs', writable: true },
    ]);
  });
});
