import type { ProxySettings } from '../config/control-plane.ts';
import type { BalancerPlan } from './balancer.ts';
import { type ProxyPlace, serverParameters } from './render.ts';
import { type Backend, sectionsOf, serversOf } from './sections.ts';

/** What HAProxy shall have while it runs: the same that its files say of its backends. Pure. */
export function planOf(settings: ProxySettings, backends: readonly Backend[], place: ProxyPlace): BalancerPlan {
  const sections = sectionsOf(settings);
  return {
    sections,
    servers: serversOf(sections, backends),
    parametersOf: (section) => serverParameters(section, settings, place),
    shutdownAfterMs: settings.health.notReadyShutdownAfterSeconds * 1000,
    rebalance: settings.rebalance,
  };
}
