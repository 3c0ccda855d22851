import { CommandError } from '../support/main.ts';

/** A package that is part of something that is handed on. */
export interface LicensedPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or the names that its author gives. */
  readonly licence: string;
  /** Texts of its licence files. */
  readonly texts: readonly string[];
}

interface License {
  readonly license?: { readonly id?: string; readonly name?: string; readonly text?: BomText };
  readonly expression?: string;
}

interface BomText {
  readonly content: string;
  readonly encoding?: string;
}

interface Component {
  readonly purl?: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly License[];
  readonly evidence?: { readonly licenses?: readonly License[] };
}

/** The part of a CycloneDX document (1.6, JSON) that is read here. */
interface Bom {
  readonly components?: readonly Component[];
}

/** The packages in a bill of materials with licence texts as evidence, by name and version. @param json text of a CycloneDX document */
export function packagesIn(json: string): LicensedPackage[] {
  const { components = [] } = JSON.parse(json) as Bom;
  return components.map(readComponent).toSorted(byName);
}

/** The same document without the licences' texts. @param json text of a CycloneDX document */
export function withoutTexts(json: string): string {
  return `${JSON.stringify(JSON.parse(json), (key, value: unknown) => (key === 'evidence' ? undefined : value), 2)}\n`;
}

/** The Debian packages in a bill of materials. @param json text of a CycloneDX document */
export function debianPackagesIn(json: string): LicensedPackage[] {
  const { components = [] } = JSON.parse(json) as Bom;
  return components.filter(isInstalled).map(readComponent).toSorted(byName);
}

/** As Debian's package manager has it; syft also finds the source package's name in some libraries. */
function isInstalled({ purl, properties }: Component): boolean {
  const byStatus = properties?.some(
    ({ name, value }) => name === 'syft:package:foundBy' && value.startsWith('dpkg-db'),
  );
  return purl?.startsWith('pkg:deb/debian/') === true && byStatus === true;
}

function readComponent({ group, name, version, licenses, evidence }: Component): LicensedPackage {
  return {
    name: group === undefined ? name : `${group}/${name}`,
    version,
    licence: licenceOf(licenses ?? []),
    texts: (evidence?.licenses ?? []).flatMap(({ license }) =>
      license?.text === undefined ? [] : [decoded(license.text)],
    ),
  };
}

function licenceOf(licenses: readonly License[]): string {
  return licenses.map(({ license, expression }) => expression ?? license?.id ?? license?.name ?? '').join(' AND ');
}

function decoded({ content, encoding }: BomText): string {
  return (encoding === 'base64' ? Buffer.from(content, 'base64').toString('utf8') : content).trim();
}

function byName(a: LicensedPackage, b: LicensedPackage): number {
  return a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en', { numeric: true });
}

/** The licence in a README: what stands below a heading that names it, up to the next heading of whatever level. */
export function licenceInReadme(readme: string): string | undefined {
  const text = /^(?:#+ *licen[cs]e *#*|licen[cs]e *\n-+) *\n([\s\S]*?)(?=^#|^[^\n]+\n[-=]{3,} *\n|(?![\s\S]))/im.exec(
    readme,
  )?.[1];
  const trimmed = text?.trim();
  return trimmed === undefined || trimmed === '' ? undefined : trimmed;
}

/** Two lists as one, each package once. */
export function together(...lists: readonly (readonly LicensedPackage[])[]): LicensedPackage[] {
  return [...new Map(lists.flat().map((each) => [`${each.name}@${each.version}`, each])).values()].toSorted(byName);
}

/**
 * The text that goes with a copy of the packages: name, version, licence and the licence's text of each.
 * @throws CommandError that names each package without a licence or without its text
 */
export function licenceText(title: string, packages: readonly LicensedPackage[]): string {
  const bare = packages.filter(({ licence, texts }) => licence === '' || texts.length === 0);
  if (bare.length > 0) {
    const names = bare.map(({ name, version }) => `${name} ${version}`).join(', ');
    throw new CommandError(`no licence, or no text of it, is known of ${names}: they may not be handed on as they are`);
  }
  const parts = packages.map(({ name, version, licence, texts }) => {
    const heading = `${name} ${version} (${licence})`;
    return `${heading}\n${'='.repeat(heading.length)}\n\n${texts.join('\n\n')}\n`;
  });
  return `${title}\n\n${parts.join('\n\n')}`;
}

/** Rows of a Markdown table of packages, with what they are in. */
export function licenceTable(
  rows: readonly { readonly in: string; readonly packages: readonly LicensedPackage[] }[],
): string {
  const all = together(...rows.map(({ packages }) => packages));
  const holders = ({ name, version }: LicensedPackage) =>
    rows
      .filter(({ packages }) => packages.some((each) => each.name === name && each.version === version))
      .map((row) => row.in);
  const lines = all.map((each) => `| ${each.name} | ${each.version} | ${each.licence} | ${holders(each).join(', ')} |`);
  return ['| package | version | licence | in |', '|---|---|---|---|', ...lines].join('\n');
}
