/** Something that begins and ends with the sidecar. */
export interface Part {
  /** Begins; the next part begins when this one has. */
  start?(): Promise<void> | void;
  /** Ends; may be called twice, and without a start. */
  stop?(): void;
}
