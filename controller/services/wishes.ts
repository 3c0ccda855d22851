import type { IpFamily } from '../../api/ip-family.ts';
import { RETAIN_LIMITS } from '../../api/pool-services.ts';
import { type AddressOwner, SHARING_KEY_LENGTH } from '../../api/service-address.ts';
import { canonicalAddress, type Family, familyOf } from '../../common/addresses.ts';
import { withAnswersOf } from '../../common/answers.ts';
import {
  ADDRESSES,
  CILIUM_CROSS_NAMESPACE,
  CILIUM_SHARING_KEY,
  isOwnAnnotation,
  KUBE_VIP_INTERFACE,
  OWN_ANNOTATIONS,
  PER_FAMILY,
  POOL,
  RETAIN,
  SHARE,
  type WishSources,
} from './annotations.ts';
import { readProbe } from './probe.ts';
import type { LoadBalancerService, Refusal, ServicesSettings } from './types.ts';

/** By what Services agree to have one address. */
export interface ShareWish {
  readonly key: string;
  /** Namespaces that it shares with; absent: all that the pool lets it. */
  readonly namespaces?: ReadonlySet<string>;
}

/** A pool that is asked for, and by what. */
export interface PoolWish {
  readonly name: string;
  /** As a sentence begins: `annotation x`. */
  readonly from: string;
}

/** What a Service asks for. */
export interface Wish {
  readonly families: readonly Family[];
  /** Addresses of each family. */
  readonly perFamily: number;
  /** Addresses that it asks for by name, in canonical form. */
  readonly listed: readonly string[];
  readonly pool?: PoolWish;
  readonly share?: ShareWish;
  /** How long its addresses wait for it when it is gone. Absent: as the pool says. */
  readonly retainSeconds?: number;
  /** Why nothing new is given; what was given stays. */
  readonly problem?: Refusal;
}

/** One way in which something is asked for. */
interface Source {
  /** As a sentence begins: `annotation x`. */
  readonly from: string;
  readonly value: string;
}

const FAMILIES: Readonly<Record<IpFamily, Family>> = { IPv4: 4, IPv6: 6 };
/** Most addresses of a family: each is a claim, and held by a node. */
const MOST_PER_FAMILY = 16;
/** By these others ask for an address of DHCP. */
const UNSPECIFIED: readonly string[] = ['0.0.0.0', '::'];
const EXAMPLE = 'for example 192.168.11.7 or 192.168.11.7,fd00::7';

/** A request that cannot be read; caught where wishes are made. */
class WishError extends Error {
  readonly refusal: Refusal;

  constructor(reason: Refusal['reason'], message: string) {
    super(message);
    this.refusal = { reason, message };
  }
}

function invalid(message: string): WishError {
  return new WishError('InvalidRequest', message);
}

/** What a Service says by the names of one thing. An empty text, as templates leave it, says nothing. */
function sourcesOf(
  { annotations }: LoadBalancerService,
  { own, aliases }: WishSources,
  settings: ServicesSettings,
): Source[] {
  return [own, ...(settings.aliases ? aliases : [])].flatMap((name) => {
    const value = annotations[name]?.trim() ?? '';
    return value === '' ? [] : [{ from: `annotation ${name}`, value }];
  });
}

function parts(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function addressIn(part: string, from: string): string {
  const address = canonicalAddress(part);
  if (address === undefined) {
    throw invalid(
      `${from}: "${part}" is not an IPv4 or IPv6 address without a prefix; separate several by commas, ${EXAMPLE}`,
    );
  }
  if (UNSPECIFIED.includes(address)) {
    throw invalid(
      `${from}: ${part} asks for an address of DHCP, which is not served; leave it away to get one of a pool`,
    );
  }
  return address;
}

/** The addresses that one source asks for, in canonical form, each once. */
function addressesIn({ from, value }: Source): string[] {
  return [...new Set(parts(value).map((part) => addressIn(part, from)))];
}

function conflict(what: string, sources: readonly Source[]): WishError {
  const said = sources.map(({ from, value }) => `${from} "${value}"`).join(', ');
  return new WishError('ConflictingRequest', `it asks for different ${what}: ${said}; leave one of them`);
}

/** The one value of several sources. */
function agreed(what: string, sources: readonly Source[]): Source | undefined {
  const [first] = sources;
  if (sources.some(({ value }) => value !== first?.value)) throw conflict(what, sources);
  return first;
}

function familyProblem(address: string, families: readonly Family[]): WishError | undefined {
  const family = familyOf(address);
  if (families.includes(family)) return undefined;
  return invalid(
    `it asks for ${address}, but spec.ipFamilies has no IPv${family}; set spec.ipFamilyPolicy to PreferDualStack, or leave that address away`,
  );
}

function checkListed(listed: readonly string[], families: readonly Family[]): void {
  for (const address of listed) {
    const problem = familyProblem(address, families);
    if (problem !== undefined) throw problem;
  }
  for (const family of families) {
    const count = listed.filter((address) => familyOf(address) === family).length;
    if (count > MOST_PER_FAMILY) {
      throw invalid(`it asks for ${count} addresses of IPv${family}; at most ${MOST_PER_FAMILY} can be had`);
    }
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}

/**
 * Addresses that are asked for by name. spec.loadBalancerIP was made for one address, so that it agrees with a list that it is in
 * (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec).
 */
function listedIn(service: LoadBalancerService, settings: ServicesSettings): string[] {
  const named = sourcesOf(service, ADDRESSES, settings);
  const field = service.loadBalancerIP?.trim() ?? '';
  const sources = field === '' ? named : [...named, { from: 'spec.loadBalancerIP', value: field }];
  const [first = [], ...others] = named.map(addressesIn);
  if (others.some((other) => !sameSet(first, other))) throw conflict('addresses', sources);
  const ofField = field === '' ? [] : addressesIn({ from: 'spec.loadBalancerIP', value: field });
  if (named.length === 0) return ofField;
  if (ofField.some((address) => !first.includes(address))) throw conflict('addresses', sources);
  return first;
}

function poolIn(service: LoadBalancerService, settings: ServicesSettings): PoolWish | undefined {
  const source = agreed('pools', sourcesOf(service, POOL, settings));
  return source === undefined ? undefined : { name: source.value, from: source.from };
}

/** Cilium shares with other namespaces only where it is told which; who uses its key alone means that. */
function ciliumNamespaces({ annotations, metadata }: LoadBalancerService): ReadonlySet<string> | undefined {
  const named = parts(annotations[CILIUM_CROSS_NAMESPACE] ?? '');
  return named.includes('*') ? undefined : new Set([metadata.namespace, ...named]);
}

function shareIn(service: LoadBalancerService, settings: ServicesSettings): ShareWish | undefined {
  const sources = sourcesOf(service, SHARE, settings);
  const source = agreed('sharing keys', sources);
  if (source === undefined) return undefined;
  const { value: key, from } = source;
  if (key.length > SHARING_KEY_LENGTH) {
    throw invalid(`${from} is longer than ${SHARING_KEY_LENGTH} characters; shorten it`);
  }
  const alone = sources.every((each) => each.from === `annotation ${CILIUM_SHARING_KEY}`);
  const namespaces = alone ? ciliumNamespaces(service) : undefined;
  return namespaces === undefined ? { key } : { key, namespaces };
}

function perFamilyIn({ annotations }: LoadBalancerService): number {
  const value = annotations[PER_FAMILY]?.trim() ?? '';
  if (value === '') return 1;
  const count = Number(value);
  if (!/^[0-9]+$/.test(value) || count < 1 || count > MOST_PER_FAMILY) {
    throw invalid(`annotation ${PER_FAMILY}: "${value}" is not a number from 1 to ${MOST_PER_FAMILY}`);
  }
  return count;
}

function retainIn({ annotations }: LoadBalancerService): number | undefined {
  const value = annotations[RETAIN]?.trim() ?? '';
  if (value === '') return undefined;
  const { least, most } = RETAIN_LIMITS;
  const seconds = Number(value);
  if (!/^[0-9]+$/.test(value) || seconds < least || seconds > most) {
    throw invalid(
      `annotation ${RETAIN}: "${value}" is not a whole number of seconds from ${least} to ${most}, which is a year; ${least} gives the address up at once`,
    );
  }
  return seconds;
}

/** What is said besides of all addresses of a Service. */
function termsIn(service: LoadBalancerService, settings: ServicesSettings): Pick<Wish, 'share' | 'retainSeconds'> {
  const share = shareIn(service, settings);
  const retainSeconds = retainIn(service);
  return { ...(share === undefined ? {} : { share }), ...(retainSeconds === undefined ? {} : { retainSeconds }) };
}

function checkProbe(service: LoadBalancerService): void {
  const probe = readProbe(service);
  if (probe !== undefined && 'problem' in probe) throw invalid(probe.problem);
}

function checkNames({ annotations }: LoadBalancerService, settings: ServicesSettings): void {
  for (const name of Object.keys(annotations)) {
    if (isOwnAnnotation(name) && !OWN_ANNOTATIONS.includes(name)) {
      throw invalid(`annotation ${name} is not known; known are ${OWN_ANNOTATIONS.join(', ')}`);
    }
  }
  if (settings.aliases && (annotations[KUBE_VIP_INTERFACE] ?? '') !== '') {
    throw invalid(
      `annotation ${KUBE_VIP_INTERFACE} is not served: which interface has an address is said by spec.interface of its pool; remove the annotation`,
    );
  }
}

function read(service: LoadBalancerService, families: readonly Family[], settings: ServicesSettings): Wish {
  checkNames(service, settings);
  checkProbe(service);
  const listed = listedIn(service, settings);
  checkListed(listed, families);
  const pool = poolIn(service, settings);
  return {
    families,
    perFamily: perFamilyIn(service),
    listed,
    ...(pool === undefined ? {} : { pool }),
    ...termsIn(service, settings),
  };
}

/** A Service as the owner of a claim, by its wish. Pure. */
export function ownerOf({ metadata }: LoadBalancerService, { retainSeconds }: Wish): AddressOwner {
  const { namespace, name, uid } = metadata;
  return { namespace, name, uid, ...(retainSeconds === undefined ? {} : { retainSeconds }) };
}

/** Runs what reads a Service's request. @returns the problem instead, when that cannot be read */
function orProblem(what: () => Wish, families: readonly Family[]): Wish {
  try {
    return what();
  } catch (error) {
    if (!(error instanceof WishError)) throw error;
    return { families, perFamily: 1, listed: [], problem: error.refusal };
  }
}

/**
 * What a Service asks for by spec.externalIPs. Annotations say with whom it shares, and how long they wait for it, and nothing else: they are about what a load balancer
 * gets. Pure.
 * @param listed in canonical form
 */
export function externalWishOf(
  service: LoadBalancerService,
  listed: readonly string[],
  settings: ServicesSettings,
): Wish {
  const whole = { families: [], perFamily: 0, listed };
  const wish = orProblem(() => ({ ...whole, ...termsIn(service, settings) }), []);
  return { ...wish, listed };
}

/** By the settings, which stay the same as long as a controller runs; what a Service asks for follows from it alone. */
const known = withAnswersOf((settings: ServicesSettings) =>
  withAnswersOf((service: LoadBalancerService) => readWish(service, settings)),
);

/**
 * Finds out what a Service asks for. Pure.
 * @returns with a problem when that cannot be read, or is not served: it names the annotation and the fix
 */
export function wishOf(service: LoadBalancerService, settings: ServicesSettings): Wish {
  return known(settings)(service);
}

function readWish(service: LoadBalancerService, settings: ServicesSettings): Wish {
  const families = [...new Set(service.ipFamilies.map((family) => FAMILIES[family]))];
  return orProblem(() => read(service, families, settings), families);
}
