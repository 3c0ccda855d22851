import { formatPath } from '../../common/check-document.ts';
import { Claims } from '../../common/claims.ts';
import { type ControlPlaneSection, proxyPorts } from './control-plane.ts';
import type { SettingsProblem } from './fields.ts';

/*
 * Ports of the section `controlPlaneLoadBalancing`: those of the addresses, and those on which the proxy listens.
 */

const SECTION = 'controlPlaneLoadBalancing';

type Path = SettingsProblem['path'];

/** The sidecar's own ports. */
interface BesidePorts {
  readonly server: { readonly port: number };
  readonly metrics: { readonly port: number };
}

/** A port on which the proxy listens, and the field that says so. */
interface Bind {
  readonly path: Path;
  readonly port: number;
}

function bindsOf(section: ControlPlaneSection): Bind[] {
  const [api, ...extra] = proxyPorts(section);
  return [
    { path: [SECTION, 'keepalived', 'userSpaceProxyBindPort'], port: api.bindPort },
    ...extra.map(({ bindPort }, index): Bind => ({ path: [SECTION, 'extraPorts', index, 'bindPort'], port: bindPort })),
    { path: [SECTION, 'healthPort'], port: section.healthPort },
    ...(section.keepalived.virtualServers.some(({ lbKind }) => lbKind !== 'NAT')
      ? [{ path: [SECTION, 'ipvs', 'serverPort'], port: section.ipvs.serverPort }]
      : []),
  ];
}

/** Where backends listen: they may be on this node, too. */
function targetsOf(section: ControlPlaneSection): ReadonlyMap<number, string> {
  const [api, ...extra] = proxyPorts(section);
  return new Map([
    ...extra.map(({ targetPort }, index) => [targetPort, `${SECTION}.extraPorts[${index}]`] as const),
    [api.targetPort, `${SECTION}.backends.port`] as const,
  ]);
}

/** Every address of the node: nothing else can listen there. */
function bindProblems(section: ControlPlaneSection, { server, metrics }: BesidePorts): SettingsProblem[] {
  if (section.keepalived.disableLoadBalancer) return [];
  const claims = new Claims();
  claims.claim([String(server.port)], 'server.port');
  claims.claim([String(metrics.port)], 'metrics.port');
  const targets = targetsOf(section);
  return bindsOf(section).flatMap(({ path, port }): SettingsProblem[] => {
    const messages: string[] = [];
    if (port < 1024 || port > 65535) {
      messages.push(
        `${port} is none of 1024 to 65535, where the proxy, which has no privileges, can listen; give another`,
      );
    }
    const target = targets.get(port);
    if (target !== undefined) messages.push(`${port} is where what ${target} is about listens; give another`);
    const owner = claims.claim([String(port)], formatPath(path))?.owner;
    if (owner !== undefined) messages.push(`${port} is also ${owner}; give another`);
    return messages.map((message) => ({ path, message }));
  });
}

function frontProblems(section: ControlPlaneSection): SettingsProblem[] {
  const claims = new Claims();
  claims.claim([String(section.backends.port)], `${SECTION}.backends.port`);
  return section.extraPorts.flatMap(({ port }, index): SettingsProblem[] => {
    const path: Path = [SECTION, 'extraPorts', index, 'port'];
    const owner = claims.claim([String(port)], formatPath(path))?.owner;
    return owner === undefined ? [] : [{ path, message: `${port} is already ${owner}; remove one` }];
  });
}

/** What ports cannot be together. Pure. */
export function portProblems(section: ControlPlaneSection, beside: BesidePorts): SettingsProblem[] {
  return [...frontProblems(section), ...bindProblems(section, beside)];
}
