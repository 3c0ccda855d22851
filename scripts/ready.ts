import { buildAndReport } from './build.ts';
import { ensureSystem } from './prepare.ts';
import { runMain } from './support/main.ts';
import { ensureTool } from './tools.ts';

/** What the lab starts from: the system's packages, helm, and the sidecar's bundle. All of it speaks on standard error only. */
runMain(import.meta.main, 'ready', async () => {
  await ensureSystem(['lab']);
  await ensureTool('helm');
  await buildAndReport();
});
