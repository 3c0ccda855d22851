/** What the API server stand-in is told, as its one argument in JSON. */
export interface ApiServerOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** The bearer token that every request must carry. */
  readonly tokenFile: string;
  /** A JSON array of pods; read again for every list. */
  readonly podsFile: string;
  /** A file for each node, `NAME.json`; when one is replaced, watches tell. */
  readonly nodesDirectory: string;
  /** The spec of each NodePlan, `NODE.json`; watches tell when one changes. */
  readonly plansDirectory: string;
}

/** As much of a node as the lab's API server tells. */
export interface NodeObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly unschedulable?: true; readonly taints?: readonly Taint[] };
  readonly status: object;
}

/** A NodePlan; what is in it is between its writers. */
export interface NodePlanObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly spec: unknown;
  readonly status?: unknown;
}

interface Taint {
  readonly key: string;
  readonly effect: string;
}

/** As much of a pod as the lab's API server tells. */
export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName: string; readonly hostNetwork: true };
  readonly status: { readonly phase: 'Running'; readonly hostIP: string; readonly podIP: string };
}
