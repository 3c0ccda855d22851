import { networkInterfaces } from 'node:os';

/** An interface of this machine that can have virtual addresses. Nothing is done to it where no keepalived runs. */
export const INTERFACE =
  Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some(({ internal }) => !internal))?.[0] ??
  'none';
