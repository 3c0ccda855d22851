/** What the API server stand-in is told, as its one argument in JSON. */
export interface ApiServerOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** The bearer token that every request must carry. */
  readonly tokenFile: string;
  /** A folder for each resource, with a file for each object, `NAME.json`; watches tell when one changes. */
  readonly objectsDirectory: string;
}

/** As much of an object as the lab's API server knows of; what else is in it is between its writers. */
export interface ApiObject<Spec = unknown> {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
  readonly status?: unknown;
}

/** An object as its writer has it: the server adds the rest. */
export interface WrittenObject<Spec = unknown> extends Omit<ApiObject<Spec>, 'metadata'> {
  readonly metadata?: Partial<ApiObject['metadata']>;
}
