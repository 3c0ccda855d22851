/** What keepalived counts as errors of advertisements that carry an instance's router id, but not from one of its routers; it may obey them. */
const FOREIGN = new Set([
  'Packet Errors/Invalid Type',
  'Packet Errors/Advertisement Interval',
  'Packet Errors/Address List',
  'Authentication Errors/Invalid Type',
  'Authentication Errors/Type Mismatch',
  'Authentication Errors/Failure',
]);

/** The last count of an instance that is summed up; without it the file was still being written. */
const LAST_COUNT = 'Authentication Errors/Failure';

/** Titles of sections have so many blanks before them, counts have more. */
const SECTION_INDENT = 2;

function foreignIn(lines: readonly string[]): number | undefined {
  let section = '';
  let sum = 0;
  let complete = false;
  for (const line of lines) {
    const [, indent = '', key = '', value = ''] = /^( *)([^:]+):\s*(\d*)$/.exec(line) ?? [];
    if (indent.length <= SECTION_INDENT) section = key;
    const count = `${section}/${key}`;
    if (FOREIGN.has(count)) sum += Number(value);
    complete ||= count === LAST_COUNT && value !== '';
  }
  return complete ? sum : undefined;
}

/**
 * Reads what keepalived writes on SIGUSR2 (keepalived(8), "keepalived.stats").
 * @returns for each instance how many advertisements with its router id say that another router sent them; instances that the file does not
 *   have whole, since it is being written, are left out
 */
export function foreignAdvertisements(text: string): Map<string, number> {
  const foreign = new Map<string, number>();
  for (const part of text.split(/^VRRP Instance: /m).slice(1)) {
    const [name = '', ...lines] = part.split('\n');
    const count = foreignIn(lines);
    if (count !== undefined) foreign.set(name.trim(), count);
  }
  return foreign;
}
