import { bracketed, canonicalAddress } from '../../common/addresses.ts';
import { compareText } from '../../common/compare-text.ts';
import type { BackendCheck, ProxySettings } from '../config/control-plane.ts';

/** An API server, as the API or the settings tell it. */
export interface Backend {
  /** In canonical form, without a prefix. */
  readonly address: string;
  /** That of the API server; ports besides have the settings' own. */
  readonly port: number;
}

/** One `backend` section of HAProxy (haproxy configuration manual, section 4). */
export interface Section {
  readonly name: string;
  /** Where its servers listen; null: each where it says itself. */
  readonly targetPort: number | null;
  /** Null: its servers are never checked, and are asked only while no server of the checked section can be used. */
  readonly check: BackendCheck | null;
}

/** A server that a section shall have. */
export interface Server {
  /** Of the section. */
  readonly section: string;
  /** Unique in the section: the backend's address. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** The section of the API server's port. */
export const API_SECTION = 'api';

/** The section of the same servers that are not checked. Pure. */
export function uncheckedOf(section: string): string {
  return `${section}-unchecked`;
}

/** The name of the section for a port of the virtual addresses. Pure. */
export function sectionNameOf(index: number, port: number): string {
  return index === 0 ? API_SECTION : `port-${port}`;
}

/** All sections, each checked one followed by its unchecked twin. Pure. */
export function sectionsOf({ ports }: Pick<ProxySettings, 'ports'>): readonly Section[] {
  return ports.flatMap(({ port, targetPort, check }, index): Section[] => {
    const name = sectionNameOf(index, port);
    const target = index === 0 ? null : targetPort;
    return [
      { name, targetPort: target, check },
      { name: uncheckedOf(name), targetPort: target, check: null },
    ];
  });
}

/** The servers that all sections shall have. Pure. */
export function serversOf(sections: readonly Section[], backends: readonly Backend[]): readonly Server[] {
  return sections.flatMap(({ name, targetPort }) =>
    backends.map(({ address, port }) => ({ section: name, name: address, address, port: targetPort ?? port })),
  );
}

/** An address as HAProxy reads one with a port (section 11.1 of its manual: brackets are optional, but not ambiguous). Pure. */
export function endpointText({ address, port }: Pick<Server, 'address' | 'port'>): string {
  return `${bracketed(address)}:${port}`;
}

/**
 * The backends that are known: what the API told last and what the settings list, else the API server of this node. A virtual address is none,
 * although an API server may give it for its own (`--advertise-address`): the proxy would connect to itself, for ever. Pure.
 * @param observed by the API, now or before a restart; empty when it never told
 * @param listed addresses of the settings
 * @param own address of the node; empty when that is not known
 */
export function knownBackends(
  { backends: { source, addresses, port }, addresses: virtual }: Pick<ProxySettings, 'backends' | 'addresses'>,
  observed: readonly Backend[],
  own: string,
): readonly Backend[] {
  const byAddress = new Map<string, Backend>(addresses.map((address) => [address, { address, port }]));
  // What the API tells of a port is known better there.
  if (source === 'EndpointSlices') for (const backend of observed) byAddress.set(backend.address, backend);
  for (const address of virtual) byAddress.delete(address);
  const known = [...byAddress.values()].toSorted((a, b) => compareText(a.address, b.address));
  const ownAddress = canonicalAddress(own);
  return known.length > 0 || ownAddress === undefined ? known : [{ address: ownAddress, port }];
}
