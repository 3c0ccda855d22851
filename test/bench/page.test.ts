import { describe, expect, it } from 'vitest';
import { withPart } from './page.ts';

describe('the page of the bench', () => {
  it('gets a part that it had not, at its end', () => {
    expect(withPart('# Title\n', 'lab', 'rows\n')).toBe(
      '# Title\n\n<!-- bench: lab -->\nrows\n<!-- end of bench: lab -->\n',
    );
  });

  it('gets one part anew and keeps everything else', () => {
    const page = withPart(withPart('# Title', 'lab', 'old'), 'cluster', 'cluster rows');
    expect(withPart(`${page}after\n`, 'lab', 'new')).toBe(
      '# Title\n\n<!-- bench: lab -->\nnew\n<!-- end of bench: lab -->\n\n<!-- bench: cluster -->\ncluster rows\n<!-- end of bench: cluster -->\nafter\n',
    );
  });
});
