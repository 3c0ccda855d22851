import type { Settings } from '../config/settings.ts';

/** What the settings ask for of connections that are gone with their node. */
export interface ConnectionSettings {
  /** So many clients of this node are told to the others, and so many are asked after a move. */
  readonly limit: number;
  /** File with the key of all nodes. */
  readonly keyFile: string;
  /** UDP: the number of the server's port, which no other release on the node has. */
  readonly port: number;
}

/** What the settings ask for; null for nothing. Pure. */
export function connectionSettingsOf({
  resetConnections,
  server,
}: Pick<Settings, 'resetConnections' | 'server'>): ConnectionSettings | null {
  if (resetConnections?.enabled !== true) return null;
  const { limit, keyFile } = resetConnections;
  return { limit, keyFile, port: server.port };
}
