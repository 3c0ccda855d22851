/** A version as `[major, minor, patch]`. */
export type Version = readonly [number, number, number];

/** Which versions of a command found on PATH are good enough. */
export interface VersionRange {
  /** Lowest good version, inclusive, such as `3.16`. */
  readonly atLeast: string;
  /** Lowest version that is too new, such as `5`. */
  readonly below?: string;
}

/**
 * Reads the first version number in a command's own words (`v4.3.1+g1234`, `promtool, version 0.315.0 (branch: …)`).
 * @returns undefined when there is none: a development build names no version and cannot be judged.
 */
export function parseVersion(text: string): Version | undefined {
  const match = /(?<![\w.])v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Negative when `a` is older than `b`, positive when it is newer, 0 when they are the same. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** Whether `version` lies in `range`. */
export function satisfies(version: Version, range: VersionRange): boolean {
  const belowLimit = range.below === undefined || compareVersions(version, bound(range.below)) < 0;
  return belowLimit && compareVersions(version, bound(range.atLeast)) >= 0;
}

/** A range in words, for messages: `>= 3.16, < 5`. */
export function describeRange(range: VersionRange): string {
  return `>= ${range.atLeast}${range.below === undefined ? '' : `, < ${range.below}`}`;
}

function bound(text: string): Version {
  const [major = '0', minor = '0', patch = '0'] = text.split('.');
  return [Number(major), Number(minor), Number(patch)];
}
