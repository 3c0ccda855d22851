import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandBlocks } from './page.ts';
import { KUBE_VIP_STEPS, METALLB_STEPS } from './steps.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/migrating.md'), 'utf8');

describe('commandBlocks', () => {
  it('finds the commands of one section, in their order', () => {
    const page = '# A\n## One\n```sh\na\nb\n```\nwords\n```yaml\nc: d\n```\n```sh\ne\n```\n## Two\n```sh\nf\n```\n';
    expect(commandBlocks(page, 'One')).toEqual(['a\nb\n', 'e\n']);
    expect(commandBlocks(page, 'Two')).toEqual(['f\n']);
  });

  it('refuses a section that is not there, and one without commands', () => {
    expect(() => commandBlocks('## Other\nwords\n', 'One')).toThrow('there are no commands in a section "One"');
    expect(() => commandBlocks('## One\nwords\n', 'One')).toThrow('there are no commands in a section "One"');
  });
});

describe('the page', () => {
  const steps = [...METALLB_STEPS, ...KUBE_VIP_STEPS];

  it.each(steps)('has the commands by which one $what ($section)', ({ section, block, contains }) => {
    expect(commandBlocks(PAGE, section)[block]).toContain(contains);
  });

  it('has no commands that are not walked', () => {
    for (const section of new Set(steps.map((step) => step.section))) {
      const walked = new Set(steps.filter((step) => step.section === section).map(({ block }) => block));
      expect(commandBlocks(PAGE, section).map((_, block) => block)).toEqual([...walked].toSorted());
    }
  });
});
