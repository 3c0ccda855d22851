import type { Settings } from '../config/settings.ts';
import type { CheckTiming } from './types.ts';

/** What is asked of a service, and how often, as the settings have it. */
export type ServiceSettings = Settings['checks']['service'];

/** One thing to check: two that are equal in every value ask for the same. */
export type CheckSpec =
  | {
      readonly kind: 'service';
      readonly settings: ServiceSettings;
      /** PEM text of the service's CA; undefined: its certificate is not verified. */
      readonly ca: string | undefined;
    }
  | { readonly kind: 'kubelet'; readonly settings: Settings['checks']['kubelet'] }
  | { readonly kind: 'kubeApi'; readonly settings: Settings['checks']['kubeApi'] }
  | {
      /** One API server of several, at its own address. */
      readonly kind: 'apiServer';
      /** https: URL of its health endpoint. */
      readonly url: string;
      /** The name that its certificate is to have. */
      readonly name: string;
      readonly timing: CheckTiming;
    }
  | {
      /** Whether the node has a ready endpoint of a Service, by kube-proxy's word. */
      readonly kind: 'localEndpoints';
      /** http: URL of the Service's health check port. */
      readonly url: string;
      readonly timing: CheckTiming;
    }
  | {
      /** An endpoint of a Service on this node, to which a connection is held. */
      readonly kind: 'heldEndpoint';
      readonly address: string;
      readonly port: number;
    };
