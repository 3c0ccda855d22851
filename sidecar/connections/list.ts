import { type Clients, type Endpoint, endpointLength } from './endpoint.ts';

/*
 * A list of clients in parts that fit into datagrams. Each part has all clients of one share, by a hash: it is whole by itself, replaces what
 * was known of its share, and may be lost until it is sent again. Pure.
 */

/** A part is at most so long: with the rest of the datagram below what Ethernet carries, 1500 bytes (RFC 894), also in a tunnel. */
const LONGEST_PART_BYTES = 1100;
/** So long are parts on average, so that none is longer than the longest. */
const USUAL_PART_BYTES = 600;
/** Fewer parts only when they would be shorter than this: whenever their number changes, all must be sent. */
const SHORT_PART_BYTES = 150;
export const MOST_PARTS = 4096;
/** How many clients of a service follow. */
const COUNT_BYTES = 2;

/** FNV-1a of the bytes, of 32 bits (draft-eastlake-fnv), its bits mixed at the end: addresses and ports that follow each other spread evenly. */
function hashOf(bytes: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function bytesOf(clients: Clients): number {
  let bytes = 0;
  for (const [service, each] of clients) bytes += each.size * service.length;
  return bytes;
}

function doubledUntil(enough: (parts: number) => boolean): number {
  let parts = 1;
  while (parts < MOST_PARTS && !enough(parts)) parts *= 2;
  return parts;
}

/** Into how many parts to divide: as many as before, while these are neither long nor short. */
function countFor(clients: Clients, before: number): number {
  const bytes = bytesOf(clients);
  const isFit = bytes / before <= USUAL_PART_BYTES && (before === 1 || bytes / before >= SHORT_PART_BYTES);
  return isFit ? before : doubledUntil((parts) => bytes / parts <= USUAL_PART_BYTES);
}

function sharesOf(clients: ReadonlySet<Endpoint>, parts: number): ReadonlyMap<number, readonly Endpoint[]> {
  const shares = new Map<number, Endpoint[]>();
  for (const client of clients) {
    const index = hashOf(client) % parts;
    const share = shares.get(index);
    if (share === undefined) shares.set(index, [client]);
    else share.push(client);
  }
  return shares;
}

function divided(clients: Clients, parts: number): string[] {
  const groups = Array.from({ length: parts }, () => '');
  for (const [service, each] of clients) {
    for (const [index, share] of sharesOf(each, parts)) {
      const count = String.fromCharCode(Math.floor(share.length / 256), share.length % 256);
      groups[index] += `${String.fromCharCode(service.length)}${service}${count}${share.toSorted().join('')}`;
    }
  }
  return groups;
}

/**
 * Divides a list into parts, each as bytes in a string. Pure.
 * @param before how many parts the last list had, or 1
 */
export function partsOf(clients: Clients, before: number): readonly string[] {
  let parts = divided(clients, countFor(clients, before));
  while (parts.some(({ length }) => length > LONGEST_PART_BYTES) && parts.length < MOST_PARTS) {
    parts = divided(clients, parts.length * 2);
  }
  return parts;
}

/** Reads bytes one after the other; what is beyond the end is empty. */
class Reader {
  readonly #bytes: string;
  #at = 0;

  constructor(bytes: string) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  take(count: number): string {
    const taken = this.#bytes.slice(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }
}

const LENGTHS: readonly number[] = [endpointLength(4), endpointLength(6)];

function readGroup(reader: Reader): readonly [Endpoint, readonly Endpoint[]] | undefined {
  const length = reader.take(1).charCodeAt(0);
  if (!LENGTHS.includes(length)) return undefined;
  const service = reader.take(length);
  const count = reader.take(COUNT_BYTES);
  if (count.length < COUNT_BYTES) return undefined;
  const most = count.charCodeAt(0) * 256 + count.charCodeAt(1);
  const clients = reader.take(most * length);
  if (clients.length < most * length) return undefined;
  return [service, Array.from({ length: most }, (_, index) => clients.slice(index * length, (index + 1) * length))];
}

/** What is in a part; undefined when it is none. Pure. */
export function clientsOfPart(part: string): Clients | undefined {
  const found = new Map<Endpoint, Set<Endpoint>>();
  const reader = new Reader(part);
  while (!reader.atEnd) {
    const group = readGroup(reader);
    if (group === undefined) return undefined;
    found.set(group[0], new Set(group[1]));
  }
  return found;
}
