import { describe, expect, it } from 'vitest';
import { debianPart, debianTable, NO_DEBIAN, thirdPartyPage, withDebianPart } from './page.ts';

const TABLE = '| package |\n|---|\n| libc6 |';
const LIBC = { name: 'libc6', version: '2.41', licence: 'GPL-2.0-only AND ISC', texts: [] };

describe('the page of what the images have of others', () => {
  it('keeps what another command wrote when it is written anew', () => {
    const page = withDebianPart(thirdPartyPage('| old |', NO_DEBIAN), TABLE);
    const next = thirdPartyPage('| new |', debianPart(page));
    expect(next).toContain(TABLE);
    expect(next).toContain('| new |');
    expect(next).not.toContain('| old |');
    expect(withDebianPart(next, TABLE)).toBe(next);
  });

  it('is refused without marks, with the command that writes them', () => {
    expect(() => withDebianPart('# page', TABLE)).toThrow('run: npm run generate');
  });
});

describe('the table of Debian packages', () => {
  it('has each once, with the images that it is in, and no version', () => {
    const images = [
      { in: 'keepalived', packages: [LIBC, { ...LIBC, name: 'keepalived', licence: 'sha256:0a' }] },
      { in: 'sidecar', packages: [{ ...LIBC, version: '2.36' }] },
    ];
    expect(debianTable(images).split('\n').slice(2)).toEqual([
      '| keepalived | in words, see its copyright file | keepalived |',
      '| libc6 | GPL-2.0-only, ISC | keepalived, sidecar |',
    ]);
  });
});
