import { describe, expect, it } from 'vitest';
import {
  debianPackagesIn,
  licenceInReadme,
  licenceTable,
  licenceText,
  packagesIn,
  together,
  withoutTexts,
} from './licences.ts';

const MIT = { license: { id: 'MIT' } };
const text = (content: string, encoding?: string) => ({
  licenses: [
    { license: { name: 'file: LICENSE', text: { content, ...(encoding === undefined ? {} : { encoding }) } } },
  ],
});
const A = { name: 'a', version: '1.0.0', licence: 'MIT', texts: ['text of a'] };
const B = { name: '@x/b', version: '2.0.0', licence: 'ISC', texts: ['text of b'] };

describe('a bill of materials', () => {
  it('is read by name, version, licence and text, sorted', () => {
    const components = [
      {
        name: 'b',
        group: '@x',
        version: '2.0.0',
        licenses: [{ license: { id: 'ISC' } }],
        evidence: text('dGV4dCBvZiBi', 'base64'),
      },
      { name: 'a', version: '1.10.0', licenses: [{ expression: 'MIT OR Apache-2.0' }], evidence: text('text\n') },
      { name: 'a', version: '1.9.0', licenses: [MIT] },
    ];
    expect(packagesIn(JSON.stringify({ components }))).toEqual([
      B,
      { name: 'a', version: '1.9.0', licence: 'MIT', texts: [] },
      { name: 'a', version: '1.10.0', licence: 'MIT OR Apache-2.0', texts: ['text'] },
    ]);
  });
});

describe('the Debian packages in a bill of materials', () => {
  it('are those that the package manager has', () => {
    const found = (by: string) => [{ name: 'syft:package:foundBy', value: by }];
    const components = [
      {
        name: 'libc6',
        version: '2.41',
        purl: 'pkg:deb/debian/libc6@2.41',
        properties: found('dpkg-db-cataloger'),
        licenses: [MIT],
      },
      {
        name: 'gcc-14',
        version: '14',
        purl: 'pkg:deb/debian/gcc-14@14',
        properties: found('elf-binary-package-cataloger'),
      },
      { name: 'a', version: '1', purl: 'pkg:npm/a@1', properties: found('sbom-cataloger') },
    ];
    expect(debianPackagesIn(JSON.stringify({ components })).map(({ name }) => name)).toEqual(['libc6']);
  });
});

describe('the document without texts', () => {
  it('has everything else', () => {
    const json = JSON.stringify({ components: [{ name: 'a', licenses: [MIT], evidence: text('words') }] });
    expect(JSON.parse(withoutTexts(json))).toEqual({ components: [{ name: 'a', licenses: [MIT] }] });
  });
});

describe('a licence in a README', () => {
  it.each([
    ['# name\n\n## License\n\nThe words.\n\nMore.\n\n## Other\n\nx', 'The words.\n\nMore.'],
    ['name\n====\n\nLicense\n-------\n\nThe words.\n\nOther\n-----\n\nx', 'The words.'],
    ['# name\n\n### Licence ###\n\nThe words.', 'The words.'],
  ])('is what stands below its heading: %j', (readme, expected) => {
    expect(licenceInReadme(readme)).toBe(expected);
  });

  it.each(['# name\n\nThe license is good.', '', '## License\n\n## Other\n\nx'])('is not there in %j', (readme) => {
    expect(licenceInReadme(readme)).toBeUndefined();
  });
});

describe('what goes with a copy', () => {
  it('has name, version, licence and text of each', () => {
    expect(licenceText('Title', [A, B])).toBe(
      'Title\n\na 1.0.0 (MIT)\n=============\n\ntext of a\n\n\n@x/b 2.0.0 (ISC)\n================\n\ntext of b\n',
    );
  });

  it('is refused while a package has no licence or no text of it', () => {
    const bare = [A, { ...B, texts: [] }, { ...A, name: 'c', licence: '' }];
    expect(() => licenceText('Title', bare)).toThrow('is known of @x/b 2.0.0, c 1.0.0');
  });

  it('is a table that says what each is in', () => {
    expect(together([A], [B, A])).toEqual([B, A]);
    expect(
      licenceTable([
        { in: 'one', packages: [A] },
        { in: 'two', packages: [A, B] },
      ])
        .split('\n')
        .slice(2),
    ).toEqual(['| @x/b | 2.0.0 | ISC | two |', '| a | 1.0.0 | MIT | one, two |']);
  });
});
