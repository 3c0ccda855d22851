import { cpSync, globSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ICruiseResult, IModule } from 'dependency-cruiser';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { withTemporaryFolder } from '../support/temporary-folder.ts';
import { GROUND, ROOMS } from './rooms.ts';
import { foldersInCircles, roomOf, TESTING, unusedPermissions } from './rules.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const PRODUCT = ['api', 'common', 'controller', 'sidecar'];

/** An import that nobody has written: from which file, and of what. */
interface Planted {
  readonly from: string;
  readonly to: string;
  /** `import type`. */
  readonly type?: true;
}

/** A line `from → to`, with `type` between them for types alone. */
function planted(line: string): Planted {
  const [from = '', arrow = '', to = ''] = line.split(' ');
  return { from, to, ...(arrow === 'type→' ? { type: true as const } : {}) };
}

/** What rooms may not import, whatever else changes: a wall that is taken down is missed here. */
const REFUSED = {
  'the plan has no I/O, no clock and no library': [
    'controller/plan/planted.ts → node:fs',
    'controller/plan/planted.ts → node:net',
    'controller/plan/planted.ts → node:timers/promises',
    'controller/plan/planted.ts → axios',
    'controller/plan/planted.ts → cockatiel',
    'controller/plan/planted.ts type→ pino',
    'controller/plan/planted.ts type→ @kubernetes/client-node',
    'controller/plan/planted.ts → common/clock.ts',
    'controller/plan/planted.ts → common/listener.ts',
    'controller/plan/planted.ts type→ controller/kubernetes/target.ts',
  ],
  'fitness, thresholds, what is desired and the configuration are decided without I/O': [
    'sidecar/fitness/planted.ts → axios',
    'sidecar/fitness/planted.ts → node:fs',
    'sidecar/fitness/planted.ts → common/clock.ts',
    'sidecar/instances/planted.ts → common/clock.ts',
    'sidecar/desired/planted.ts → common/clock.ts',
    'sidecar/fitness/planted.ts → node:net',
    'sidecar/checks/thresholds.ts → node:fs',
    'sidecar/checks/thresholds.ts → common/clock.ts',
    'sidecar/checks/thresholds.ts → sidecar/probes/target.ts',
    'sidecar/desired/planted.ts → node:fs/promises',
    'sidecar/desired/planted.ts → axios',
    'sidecar/desired/planted.ts → sidecar/network/target.ts',
    'sidecar/keepalived/render.ts → node:fs',
    'sidecar/keepalived/render.ts → sidecar/runtime/target.ts',
  ],
  'both programs agree on what has no I/O': [
    'api/planted.ts → node:net',
    'api/planted.ts → node:fs',
    'api/planted.ts → common/listener.ts',
    'common/addresses.ts → node:net',
    'common/addresses.ts → common/listener.ts',
    'common/clock.ts → node:fs',
  ],
  'the ground floor knows neither program': [
    'common/clock.ts → sidecar/fitness/target.ts',
    'common/listener.ts type→ controller/server/target.ts',
    'api/planted.ts type→ sidecar/config/target.ts',
    'api/planted.test.ts → controller/config/target.ts',
    'common/planted.test.ts → sidecar/config/target.ts',
    'common/testing/planted.ts → sidecar/config/target.ts',
  ],
  'two programs, also in tests': [
    'sidecar/probes/planted.ts → controller/kubernetes/target.ts',
    'controller/server/planted.ts → sidecar/server/target.ts',
    'controller/reconcile/planted.ts type→ sidecar/status/target.ts',
    'controller/reconcile/planted.test.ts → sidecar/testing/target.ts',
    'sidecar/testing/planted.ts type→ controller/testing/target.ts',
  ],
  'nothing that decides depends on what shows it': [
    'sidecar/instances/planted.ts → sidecar/server/target.ts',
    'sidecar/status/planted.ts type→ sidecar/server/target.ts',
    'sidecar/sidecar.ts → sidecar/server/target.ts',
    'controller/reconcile/planted.ts → controller/server/target.ts',
  ],
  'nothing reaches up': [
    'sidecar/probes/planted.ts → sidecar/checks/target.ts',
    'sidecar/config/planted.ts → sidecar/probes/target.ts',
    'sidecar/checks/planted.ts → sidecar/kubernetes/target.ts',
    'sidecar/fitness/planted.ts → sidecar/kubernetes/target.ts',
    'sidecar/desired/planted.ts type→ sidecar/keepalived/target.ts',
    'sidecar/keepalived/planted.ts → sidecar/instances/target.ts',
    'sidecar/kubernetes/planted.ts → sidecar/sources/target.ts',
    'sidecar/server/planted.ts → sidecar/sidecar.ts',
    'controller/kubernetes/planted.ts → controller/reconcile/target.ts',
  ],
  'a library is where it belongs': [
    'sidecar/checks/planted.ts → router',
    'sidecar/server/planted.ts → express',
    'sidecar/instances/planted.ts → pino',
    'sidecar/kubernetes/planted.ts → @kubernetes/client-node',
    'sidecar/keepalived/planted.ts → @kubernetes/client-node',
    'controller/reconcile/planted.ts type→ @kubernetes/client-node',
    'sidecar/server/planted.ts → node:fs',
  ],
  'what is shipped stands alone': [
    'sidecar/probes/planted.ts → sidecar/testing/target.ts',
    'controller/plan/planted.ts → controller/plan/testing/target.ts',
    'sidecar/probes/planted.ts → test/support/target.ts',
    'sidecar/probes/planted.ts → scripts/target.ts',
    'sidecar/probes/planted.ts → execa',
  ],
  'tests stand on the harness, and the harness on its floors': [
    'test/support/planted.ts → test/lab/target.ts',
    'test/support/planted.ts type→ test/clients/target.ts',
    'test/clients/planted.ts → test/cluster/target.ts',
    'test/lab/planted.ts → test/cluster/target.ts',
    'test/cluster/planted.ts → test/lab/target.ts',
    'test/lab/planted.ts → test/environment/target.ts',
    'test/environment/planted.ts → test/e2e/target.ts',
    'test/environment/planted.ts type→ test/bench/target.ts',
    'test/bench/planted.ts → test/e2e/target.ts',
    'test/e2e/planted.ts → test/integration/target.ts',
  ],
  'what holds everywhere': [
    'sidecar/elsewhere/planted.ts → node:fs',
    'sidecar/main.test.ts → sidecar/main.ts',
    'test/support/planted.ts → sidecar/no-such-file.ts',
    'test/support/one.ts → test/support/other.ts',
  ],
};

const ACCEPTED = [
  'test/environment/planted.ts → test/lab/target.ts',
  'test/chaos/planted.ts → test/bench/target.ts',
  'test/lab/planted.ts → test/support/target.ts',
  'controller/plan/planted.ts → common/addresses.ts',
  'controller/plan/planted.ts → api/target.ts',
  'controller/plan/planted.test.ts → node:fs',
  'controller/plan/planted.test.ts → controller/plan/testing/target.ts',
  'sidecar/probes/planted.test.ts → common/testing/target.ts',
  'sidecar/sidecar.ts type→ sidecar/status/target.ts',
  'sidecar/server/planted.ts → router',
  'sidecar/probes/planted.ts → common/http-request.ts',
  'sidecar/probes/planted.ts → node:http',
  'controller/kubernetes/planted.ts → @kubernetes/client-node',
  'sidecar/sources/planted.ts → sidecar/sources/plan/target.ts',
  'test/support/planted.ts → sidecar/fitness/target.ts',
  'test/support/planted.ts → controller/plan/target.ts',
];

const LINES = [...Object.values(REFUSED).flat(), ...ACCEPTED, 'test/support/other.ts → test/support/one.ts'];

function write(folder: string, file: string, text: string): void {
  mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}

const isFile = (to: string) => to.endsWith('.ts');

/** The import's line in its file. */
function lineOf({ from, to, type }: Planted): string {
  const specifier = isFile(to) ? path.relative(path.dirname(from), to).replace(/^(?![.])/, './') : to;
  return `import ${type ? 'type ' : ''}{ target } from '${specifier}';\n`;
}

/** Writes a tree that has all planted imports. */
function plant(folder: string, imports: readonly Planted[]): void {
  const targets = imports.map(({ to }) => to).filter((to) => isFile(to) && !to.includes('no-such'));
  const texts = new Map(targets.map((file) => [file, 'export const target = 1;\n']));
  for (const each of imports) texts.set(each.from, `${texts.get(each.from) ?? ''}${lineOf(each)}`);
  for (const [file, text] of texts) write(folder, file, text);
  for (const name of ['package.json', 'tsconfig.json']) cpSync(path.join(root, name), path.join(folder, name));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
}

/** What dependency-cruiser finds in folders of a tree. */
async function cruise(folder: string, folders: readonly string[]): Promise<readonly IModule[]> {
  const config = path.join(root, '.dependency-cruiser.cjs');
  const { stdout } = await execa('depcruise', ['--config', config, '--output-type', 'json', ...folders], {
    cwd: folder,
    preferLocal: true,
    localDir: root,
    reject: false,
    timeout: 60_000,
  });
  return (JSON.parse(stdout) as ICruiseResult).modules;
}

/** Every import that the rules refuse, as `from module`. */
async function refusedIn(folder: string): Promise<ReadonlySet<string>> {
  const modules = await cruise(folder, [...PRODUCT, 'scripts', 'test']);
  return new Set(
    modules.flatMap(({ source, dependencies }) =>
      dependencies
        .filter(({ valid }) => !valid)
        .map(({ module, protocol }) => {
          const name = protocol === 'node:' ? `node:${module}` : module;
          return `${source} ${module.startsWith('.') ? path.join(path.dirname(source), module) : name}`;
        }),
    ),
  );
}

describe('walls between rooms', () => {
  let refused: ReadonlySet<string>;

  beforeAll(async () => {
    await withTemporaryFolder(path.join(os.tmpdir(), 'walls-'), async (folder) => {
      plant(folder, LINES.map(planted));
      refused = await refusedIn(folder);
    });
  }, 60_000);

  const missed = (lines: readonly string[]) =>
    lines.filter((line) => {
      const { from, to } = planted(line);
      return !refused.has(`${from} ${to}`);
    });

  for (const [sentence, lines] of Object.entries(REFUSED)) {
    it(sentence, () => {
      expect(missed(lines)).toEqual([]);
    });
  }

  it('let through what is listed, and tests to what they need', () => {
    expect(missed(ACCEPTED)).toEqual(ACCEPTED);
  });
});

describe('rooms', () => {
  it('have every file of the product', () => {
    const product = globSync(`{${PRODUCT.join()}}/**/*.ts`, { cwd: root });
    const outside = product.filter((file) => !new RegExp(TESTING).test(file) && roomOf(file, ROOMS) === undefined);
    expect(outside).toEqual([]);
  });

  it('are listed once', () => {
    const names = ROOMS.map(({ room }) => room);
    expect(names).toEqual([...new Set(names)]);
  });

  it('that are folders do not need each other', () => {
    expect(foldersInCircles(ROOMS)).toEqual([]);
  });

  it('that need each other are found', () => {
    const what = '';
    const rooms = [
      { room: 'sidecar/one/part', what, may: ['sidecar/two'] },
      { room: 'sidecar/two', what, may: [], types: ['sidecar/three'] },
      { room: 'sidecar/three', what, may: ['sidecar/one'] },
      { room: 'sidecar/four', what, may: ['sidecar/one'] },
      { room: 'sidecar/five', what, may: ['sidecar/four'] },
    ];
    expect(foldersInCircles(rooms)).toEqual(['sidecar/one', 'sidecar/two', 'sidecar/three']);
  });

  it('have no door that nobody uses', async () => {
    const modules = await cruise(root, PRODUCT);
    const imports = modules.flatMap(({ source, dependencies }) =>
      dependencies.map(({ resolved }) => ({ from: source, to: resolved })),
    );
    expect(imports.length).toBeGreaterThan(500);
    expect(unusedPermissions(ROOMS, imports, GROUND)).toEqual([]);
  }, 60_000);

  it('whose doors nobody uses are found, whoever else uses them', () => {
    const what = '';
    const rooms = [
      {
        room: 'sidecar/one',
        what,
        may: ['sidecar/two', 'npm:axios', 'node:fs', 'node:util'],
        types: ['sidecar/three'],
      },
      { room: 'sidecar/one/part', what, may: ['node:fs'] },
      { room: 'sidecar/two', what, may: [] },
    ];
    const imports = [
      { from: 'sidecar/one/a.ts', to: 'sidecar/two/b.ts' },
      { from: 'sidecar/one/a.test.ts', to: 'node_modules/axios/index.d.ts' },
      { from: 'sidecar/one/part/c.ts', to: 'node:fs' },
      { from: 'sidecar/four/d.ts', to: 'sidecar/three/e.ts' },
    ];
    expect(unusedPermissions(rooms, imports, ['node:util'])).toEqual([
      'sidecar/one: npm:axios',
      'sidecar/one: node:fs',
      'sidecar/one: sidecar/three',
    ]);
  });
});
