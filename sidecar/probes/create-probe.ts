import { endpointOf } from './endpoint.ts';
import { HttpProbe, type HttpProbeOptions } from './http.ts';
import { TcpProbe } from './tcp.ts';
import type { Probe } from './types.ts';

type Create = (options: HttpProbeOptions) => Probe;

const PROBES: Readonly<Record<string, Create>> = {
  'http:': (options) => new HttpProbe(options),
  'https:': (options) => new HttpProbe(options),
  'tcp:': ({ url, timeoutSeconds }) => new TcpProbe({ ...endpointOf(url), timeoutSeconds }),
};

/**
 * The probe for a URL, by its scheme.
 * @param options what to ask; of a tcp: URL only `url` and `timeoutSeconds` matter
 * @throws TypeError for a URL that is none, or whose scheme has no probe (settings that passed their schema have neither)
 */
export function createProbe(options: HttpProbeOptions): Probe {
  const { protocol } = new URL(options.url);
  const create = PROBES[protocol];
  if (create === undefined)
    throw new TypeError(`no probe for ${protocol}// URLs; use one of ${Object.keys(PROBES).join(', ')}`);
  return create(options);
}
