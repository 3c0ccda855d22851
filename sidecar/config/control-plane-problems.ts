import { ROUTER_IDS } from '../../api/instances.ts';
import { canonical, familyOf } from '../../common/addresses.ts';
import { formatPath } from '../../common/check-document.ts';
import { Claims } from '../../common/claims.ts';
import { type ControlPlaneSection, routerIdOf } from './control-plane.ts';
import { portProblems } from './control-plane-ports.ts';
import type { SettingsProblem } from './fields.ts';
import { virtualServerProblems } from './virtual-servers.ts';

/*
 * What of the section `controlPlaneLoadBalancing` cannot be together: within it, and with the rest of the settings. k0s refuses some of it
 * (pkg/apis/k0s/v1beta1/cplb.go), some could not work.
 */

const SECTION = 'controlPlaneLoadBalancing';

/** What the section is held against. */
export interface BesideControlPlane {
  readonly vrrp: {
    readonly version: 2 | 3;
    readonly virtualRouterId: number;
    readonly interface: string;
    readonly addresses: readonly string[];
  };
  readonly pools: { readonly enabled: boolean };
  readonly server: { readonly port: number };
  readonly metrics: { readonly port: number };
}

type Instance = ControlPlaneSection['keepalived']['vrrpInstances'][number];
type Path = SettingsProblem['path'];

function atInstance(index: number, ...rest: Path): Path {
  return [SECTION, 'keepalived', 'vrrpInstances', index, ...rest];
}

function presence({ keepalived }: ControlPlaneSection, { pools }: BesideControlPlane): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  if (keepalived.vrrpInstances.length === 0) {
    problems.push({
      path: [SECTION, 'keepalived', 'vrrpInstances'],
      message: 'is empty; give at least one instance, with virtualIPs',
    });
  }
  if (pools.enabled) {
    const message = 'is true on a node that takes part in pools; let a release of its own do it';
    problems.push({ path: [SECTION, 'enabled'], message });
  }
  return problems;
}

function addressProblems(instances: readonly Instance[], { vrrp }: BesideControlPlane): SettingsProblem[] {
  const claims = new Claims();
  for (const [index, address] of vrrp.addresses.entries())
    claims.claim([canonical(address)], `vrrp.addresses[${index}]`);
  return instances.flatMap(({ virtualIPs }, at) =>
    virtualIPs.flatMap((text, index): SettingsProblem[] => {
      const path = atInstance(at, 'virtualIPs', index);
      const owner = claims.claim([canonical(text)], formatPath(path))?.owner;
      const problems = owner === undefined ? [] : [`${text} is already given as ${owner}; remove one`];
      if (vrrp.version === 2 && familyOf(text) === 6) problems.push(`${text} is IPv6, which needs version 3 of VRRP`);
      return problems.map((message) => ({ path, message }));
    }),
  );
}

/** Routers on one network have different ids; what two names or MAC addresses of interfaces lead to is known on the node only. */
function routerIdProblems(instances: readonly Instance[], { vrrp }: BesideControlPlane): SettingsProblem[] {
  const claims = new Claims();
  if (vrrp.addresses.length > 0) {
    claims.claim([`${vrrp.virtualRouterId} ${vrrp.interface.toLowerCase()}`], 'vrrp.virtualRouterId');
  }
  return instances.flatMap((instance, at): SettingsProblem[] => {
    const path = atInstance(at, 'virtualRouterID');
    const id = routerIdOf(instance, at);
    if (id > ROUTER_IDS.most) {
      const message = `is missing, and the automatic ids end with ${ROUTER_IDS.most} for the 205th instance; give the id`;
      return [{ path, message }];
    }
    const owner = claims.claim([`${id} ${instance.interface.toLowerCase()}`], formatPath(path))?.owner;
    if (owner === undefined) return [];
    return [{ path, message: `${id} is also ${owner} on the same interface; give each instance an id of its own` }];
  });
}

function mannerProblems(instances: readonly Instance[], { vrrp }: BesideControlPlane): SettingsProblem[] {
  return instances.flatMap(({ advertIntervalSeconds, authPassFile }, at): SettingsProblem[] => {
    const problems: SettingsProblem[] = [];
    // RFC 9568 section 5.2.7: the interval is a 12-bit number of centiseconds.
    if (vrrp.version === 3 && advertIntervalSeconds !== undefined && advertIntervalSeconds > 40) {
      const message = `${advertIntervalSeconds} is above 40, the largest whole number of seconds that VRRP version 3 can say`;
      problems.push({ path: atInstance(at, 'advertIntervalSeconds'), message });
    }
    if (vrrp.version === 2 && authPassFile === '') {
      const message = 'is missing; version 2 of VRRP has a password: give the file with it, or use version 3';
      problems.push({ path: atInstance(at, 'authPassFile'), message });
    }
    return problems;
  });
}

/** The virtual addresses of all sections, each with the field that has it. */
function virtualFields(instances: readonly Instance[], { vrrp }: BesideControlPlane): ReadonlyMap<string, string> {
  const settings = vrrp.addresses.map((text, index) => [canonical(text), `vrrp.addresses[${index}]`] as const);
  const ours = instances.flatMap(({ virtualIPs }, at) =>
    virtualIPs.map((text, index) => [canonical(text), formatPath(atInstance(at, 'virtualIPs', index))] as const),
  );
  return new Map([...settings, ...ours]);
}

/** An address in a list of nodes: each once, none of them virtual. */
function nodeAddressProblems(
  addresses: readonly string[],
  path: (index: number) => Path,
  virtual: ReadonlyMap<string, string>,
): SettingsProblem[] {
  const claims = new Claims();
  return addresses.flatMap((text, index): SettingsProblem[] => {
    const at = path(index);
    const field = virtual.get(canonical(text));
    const owner = claims.claim([canonical(text)], formatPath(at))?.owner;
    const problems = owner === undefined ? [] : [`${text} is already given as ${owner}; remove one`];
    if (field !== undefined) problems.push(`${text} is the virtual address of ${field}; give the nodes' own addresses`);
    return problems.map((message) => ({ path: at, message }));
  });
}

function sourceProblems({ unicastPeers, unicastSourceIP }: Instance, at: number): SettingsProblem[] {
  const path = atInstance(at, 'unicastSourceIP');
  if (unicastSourceIP === '') {
    const message =
      'is missing, while there are unicastPeers; give the address of one of the nodes, which is then left out of the peers';
    return unicastPeers.length === 0 ? [] : [{ path, message }];
  }
  if (unicastPeers.length === 0) {
    return [
      { path, message: 'is given without unicastPeers; add the addresses of the other nodes there, or remove it' },
    ];
  }
  const index = unicastPeers.findIndex((peer) => canonical(peer) === canonical(unicastSourceIP));
  if (index < 0) return [];
  const message = `${unicastSourceIP} is also unicastSourceIP; remove it from the peers`;
  return [{ path: atInstance(at, 'unicastPeers', index), message }];
}

function unicastProblems(instances: readonly Instance[], virtual: ReadonlyMap<string, string>): SettingsProblem[] {
  return instances.flatMap((instance, at) => {
    const { unicastPeers, unicastSourceIP } = instance;
    const all = unicastSourceIP === '' ? unicastPeers : [...unicastPeers, unicastSourceIP];
    const problems = [
      ...nodeAddressProblems(unicastPeers, (index) => atInstance(at, 'unicastPeers', index), virtual),
      ...nodeAddressProblems(
        unicastSourceIP === '' ? [] : [unicastSourceIP],
        () => atInstance(at, 'unicastSourceIP'),
        virtual,
      ),
      ...sourceProblems(instance, at),
    ];
    if (new Set(all.map(familyOf)).size > 1) {
      const message =
        'has, with unicastSourceIP, IPv4 and IPv6 addresses; nodes talk by one family: give all in the same';
      problems.push({ path: atInstance(at, 'unicastPeers'), message });
    }
    return problems;
  });
}

function backendProblems({ backends }: ControlPlaneSection, virtual: ReadonlyMap<string, string>): SettingsProblem[] {
  const at: Path = [SECTION, 'backends', 'addresses'];
  const problems = nodeAddressProblems(backends.addresses, (index) => [...at, index], virtual);
  if (backends.source === 'List' && backends.addresses.length === 0) {
    problems.push({ path: at, message: 'is empty, while source is List; list the API servers, or use EndpointSlices' });
  }
  return problems;
}

/** The virtual addresses of a section, in canonical form; none where it is absent or off. Pure. */
export function controlPlaneAddresses(section: ControlPlaneSection | undefined): string[] {
  if (section?.enabled !== true) return [];
  return section.keepalived.vrrpInstances.flatMap(({ virtualIPs }) => virtualIPs.map(canonical));
}

/**
 * Everything that cannot be together. Pure.
 * @returns none for a section that is absent or off
 */
export function controlPlaneProblems(
  section: ControlPlaneSection | undefined,
  beside: BesideControlPlane,
): SettingsProblem[] {
  if (section?.enabled !== true) return [];
  const { vrrpInstances } = section.keepalived;
  const virtual = virtualFields(vrrpInstances, beside);
  return [
    ...presence(section, beside),
    ...addressProblems(vrrpInstances, beside),
    ...routerIdProblems(vrrpInstances, beside),
    ...mannerProblems(vrrpInstances, beside),
    ...unicastProblems(vrrpInstances, virtual),
    ...backendProblems(section, virtual),
    ...virtualServerProblems(section),
    ...portProblems(section, beside),
  ];
}
