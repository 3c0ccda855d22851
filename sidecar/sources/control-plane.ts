import type { CheckSpec } from '../checks/check-spec.ts';
import type { CheckName } from '../checks/types.ts';
import { type ControlPlaneInstance, controlPlaneOf, type ProxySettings } from '../config/control-plane.ts';
import type { Desired, DesiredCheck, DesiredInstance, FieldNames } from '../desired/desired.ts';
import type { FitnessPolicy } from '../fitness/fitness.ts';
import { restingOn } from './node-checks.ts';
import { policyOf } from './policy.ts';
import type { AcceptedSettings } from './settings.ts';

const NOTHING: Desired = { instances: [], loopback: [], checks: new Map(), pools: [], problems: [], plan: null };

/** Key of the check of this node's proxy. */
const PROXY: CheckName = 'proxy';

/**
 * How often the proxy is asked, on loopback. That it accepts no more is seen at once, by the connection that is held to it; this finds out
 * that it hangs, or reaches no API server.
 */
const PROXY_TIMING = { intervalSeconds: 0.25, timeoutSeconds: 0.2, failureThreshold: 2, successThreshold: 1 } as const;

function fieldsOf(index: number): FieldNames {
  const field = (name: string) => `controlPlaneLoadBalancing.keepalived.vrrpInstances[${index}].${name}`;
  return {
    addresses: field('virtualIPs'),
    addressInterface: field('interface'),
    interface: field('interface'),
    unicastPeers: field('unicastPeers'),
    authPassword: field('authPass'),
    choice: field('interface'),
  };
}

/** The check of this node's proxy: it answers as long as it reaches an API server, whichever. */
function proxyCheck({ healthPort }: ProxySettings): CheckSpec {
  return {
    kind: 'service',
    settings: {
      url: `http://127.0.0.1:${healthPort}/ready`,
      ...PROXY_TIMING,
      expectedStatuses: [200],
      host: '',
      caFile: '',
      tripwire: { enabled: true, ports: [] },
    },
    ca: undefined,
  };
}

/** What all instances of the control plane have in common. */
interface Common {
  readonly rank: number;
  readonly checks: readonly DesiredCheck[];
  readonly policy: FitnessPolicy;
}

function instanceOf(instance: ControlPlaneInstance, index: number, common: Common): DesiredInstance {
  const { name, version, virtualRouterId, advertIntervalSeconds, addresses, unicastPeers, unicastSource } = instance;
  return {
    name,
    vrrp: {
      ...{ version, virtualRouterId, advertIntervalSeconds, addresses },
      interface: instance.interface,
      addressInterface: instance.interface,
      // One file is every node's: whose address the source is finds itself in the list, and so do the others.
      unicastPeers: unicastSource === null ? unicastPeers : [unicastSource, ...unicastPeers],
      peersAreOthers: false,
      authPasswordFile: instance.authPasswordFile,
      fields: fieldsOf(index),
    },
    ...common,
    leaving: false,
    keepsLastGood: true,
    shown: { as: 'node', of: 'controlPlane' },
    label: name,
  };
}

/**
 * What the settings ask of a node of the control plane. Its fitness rests on its proxy and its kubelet, and on no API server: the proxy
 * serves from the others, so that the end of one moves no address. Pure.
 * @param rank the node's place in the order of preference, 0 is first
 */
export function desiredByControlPlane({ settings, checks }: AcceptedSettings, rank: number): Desired {
  const controlPlane = controlPlaneOf(settings.controlPlaneLoadBalancing, settings.vrrp);
  if (controlPlane === null) return NOTHING;
  const { instances, proxy } = controlPlane;
  const own = new Map<CheckName, CheckSpec>(proxy === null ? [] : [[PROXY, proxyCheck(proxy)]]);
  const kubelet = [...checks].filter(([name]) => name === 'kubelet');
  const common = { rank, checks: restingOn(new Map([...own, ...kubelet])), policy: policyOf(settings) };
  return {
    ...NOTHING,
    instances: instances.map((instance, index) => instanceOf(instance, index, common)),
    checks: own,
  };
}
