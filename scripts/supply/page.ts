import { CommandError } from '../support/main.ts';
import type { LicensedPackage } from './licences.ts';

const BEGIN = '<!-- Debian packages: begin (npm run sbom -- --write) -->';
const END = '<!-- Debian packages: end -->';
/** Debian's name for the licence of a file that is not written for machines. */
const UNNAMED = /^sha256:/;

/** Marks around what another command writes; nothing between them. */
export const NO_DEBIAN = `${BEGIN}\n${END}`;

/** What a page has between those marks, and the marks. */
export function debianPart(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  return begin < 0 || end < begin ? NO_DEBIAN : page.slice(begin, end + END.length);
}

/** A page with another list of Debian packages. @throws CommandError if the marks are not there */
export function withDebianPart(page: string, table: string): string {
  if (!page.includes(END)) throw new CommandError('chart/THIRD-PARTY.md has no marks; run: npm run generate');
  return page.replace(debianPart(page), () => `${BEGIN}\n\n${table}\n\n${END}`);
}

/** Rows of a Markdown table of Debian packages: without versions, which are those of the day. */
export function debianTable(
  images: readonly { readonly in: string; readonly packages: readonly LicensedPackage[] }[],
): string {
  const all = new Map(images.flatMap(({ packages }) => packages.map((each) => [each.name, each] as const)));
  const names = [...all.keys()].toSorted((a, b) => a.localeCompare(b, 'en'));
  const rows = names.map((name) => {
    const holders = images
      .filter(({ packages }) => packages.some((each) => each.name === name))
      .map((image) => image.in);
    const licence = all.get(name)?.licence.replaceAll(' AND ', ', ') ?? '';
    return `| ${name} | ${UNNAMED.test(licence) ? 'in words, see its copyright file' : licence} | ${holders.join(', ')} |`;
  });
  return ['| package | licences of its source | in |', '|---|---|---|', ...rows].join('\n');
}

/**
 * The page of what the images have of others.
 * @param table of the packages of the npm registry, Markdown
 * @param debian its part about Debian's packages, with marks
 */
export function thirdPartyPage(table: string, debian: string): string {
  return `# What the images have of others

<!-- Written by npm run generate. -->

keepalived-ingress-vip is under the Apache License 2.0. Its images carry the programs of others, and each image has the texts of all their licences, below
\`/usr/share/doc\`:

| in the image | of | licences |
|---|---|---|
| \`keepalived\` | Debian's packages, and keepalived and curl built from Debian's sources | \`/usr/share/doc/<package>/copyright\`, one for each package; names and versions in \`/var/lib/dpkg/status.d\` |
| \`proxy\` | Debian's packages, HAProxy among them | \`/usr/share/doc/<package>/copyright\`, one for each package; names and versions in \`/var/lib/dpkg/status.d\` |
| \`bird\` | Debian's packages, BIRD among them | \`/usr/share/doc/<package>/copyright\`, one for each package; names and versions in \`/var/lib/dpkg/status.d\` |
| \`sidecar\` | Node.js and what it is made of | \`/usr/share/doc/node/copyright\` |
| \`sidecar\` | the libraries of Debian that Node is linked with | \`/usr/share/doc/<package>/copyright\` |
| \`sidecar\` | the packages of the npm registry below | \`/usr/share/doc/keepalived-ingress-vip/third-party-licences.txt\` |

\`npm run sbom\` lists all that is in each image, with versions and licences, as CycloneDX and as SPDX.

## Packages of the npm registry

\`sidecar\` runs on every node, \`controller\` where there are pools; both are in the sidecar's image. The list has what is in the two files, and no more.

${table}

## Packages of Debian

Their versions are those of the day on which an image is built.

${debian}
`;
}
