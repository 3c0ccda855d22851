import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';

/** A socket by which something from the network can reach a process. */
export interface OpenSocket {
  /** `tcp` listens; `raw` takes packets of one IP protocol; `packet` takes frames of one EtherType. */
  readonly kind: 'tcp' | 'udp' | 'raw' | 'packet';
  /** Its own address; `any` for all of the host; empty for `packet`. */
  readonly address: string;
  /** Port, IP protocol or EtherType. */
  readonly number: number;
  /** By which the owner is found. */
  readonly inode: number;
}

const LISTEN = '0A'; // TCP_LISTEN, net/tcp_states.h

/** The kernel prints addresses as 32-bit words in its own byte order. */
function bytesOf(hex: string): Buffer {
  const words = hex.match(/.{8}/g) ?? [];
  const swapped = words.map((word) => (endianness() === 'LE' ? (word.match(/../g) ?? []).reverse().join('') : word));
  return Buffer.from(swapped.join(''), 'hex');
}

function addressFrom(hex: string): string {
  const bytes = bytesOf(hex);
  if (bytes.every((byte) => byte === 0)) return 'any';
  if (bytes.length === 4) return bytes.join('.');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}

function rows(text: string): string[][] {
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

/** Sockets that wait for somebody, from /proc/net/{tcp,udp,raw} and their IPv6 twins (proc_pid_net(5)). Pure. */
export function parseInternetTable(kind: 'tcp' | 'udp' | 'raw', text: string): OpenSocket[] {
  return rows(text).flatMap((fields) => {
    const [, local = '', , state] = fields;
    const [address = '', number = ''] = local.split(':');
    if (kind === 'tcp' && state !== LISTEN) return [];
    return [{ kind, address: addressFrom(address), number: Number.parseInt(number, 16), inode: Number(fields[9]) }];
  });
}

/** Sockets from /proc/net/packet. Pure. */
export function parsePacketTable(text: string): OpenSocket[] {
  return rows(text).map(([, , , type = '0', , , , , inode]) => ({
    kind: 'packet',
    address: '',
    number: Number.parseInt(type, 16),
    inode: Number(inode),
  }));
}

/** All such sockets in a process's network namespace. */
function tableOf(pid: number): OpenSocket[] {
  const read = (table: string) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8');
  const internet = (['tcp', 'udp', 'raw'] as const).flatMap((kind) =>
    ['', '6'].flatMap((family) => parseInternetTable(kind, read(`${kind}${family}`))),
  );
  return [...internet, ...parsePacketTable(read('packet'))];
}

function inodesOf(pid: number): number[] {
  const folder = `/proc/${pid}/fd`;
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // It has ended.
  }
  return names.flatMap((name) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1];
      return inode === undefined ? [] : [Number(inode)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** The sockets by which the network could reach any of these processes, which share a network namespace, as `tcp 127.0.0.1 10270`. */
export function openSockets(pids: readonly number[]): string[] {
  const [first] = pids;
  if (first === undefined) return [];
  const inodes = new Set(pids.flatMap(inodesOf));
  const found = tableOf(first).filter(({ inode }) => inodes.has(inode));
  const named = found.map(({ kind, address, number }) =>
    kind === 'packet' ? `packet 0x${number.toString(16).padStart(4, '0')}` : `${kind} ${address} ${number}`,
  );
  return [...new Set(named)].toSorted();
}
