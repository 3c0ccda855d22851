/** Errors that keepalived counts of advertisements which carry an instance's router id, but are not those of one of its routers. */
const NOT_OURS = new Set([
  'Packet Errors/Invalid Type',
  'Packet Errors/Advertisement Interval',
  'Packet Errors/Address List',
  'Authentication Errors/Invalid Type',
  'Authentication Errors/Type Mismatch',
  'Authentication Errors/Failure',
]);

/** The last count of an instance that is summed up; without it the file was still being written. */
const LAST_COUNT = 'Authentication Errors/Failure';

function refusedIn(lines: readonly string[]): number | undefined {
  let section = '';
  let sum = 0;
  let complete = false;
  for (const line of lines) {
    const [, indent = '', key = '', value = ''] = /^( *)([^:]+):\s*(\d*)$/.exec(line) ?? [];
    if (indent.length <= 2) section = key;
    const count = `${section}/${key}`;
    if (NOT_OURS.has(count)) sum += Number(value);
    complete ||= count === LAST_COUNT && value !== '';
  }
  return complete ? sum : undefined;
}

/**
 * Reads what keepalived writes on SIGUSR2 (keepalived(8), "keepalived.stats").
 * @returns for each instance how many advertisements with its router id were refused because of what they say; instances that the file
 *   does not have whole, since it is being written, are left out
 */
export function refusedAdvertisements(text: string): Map<string, number> {
  const refused = new Map<string, number>();
  for (const part of text.split(/^VRRP Instance: /m).slice(1)) {
    const [name = '', ...lines] = part.split('\n');
    const count = refusedIn(lines);
    if (count !== undefined) refused.set(name.trim(), count);
  }
  return refused;
}
