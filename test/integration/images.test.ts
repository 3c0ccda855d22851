import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchivedImage, ownBytes, readArchive, unpackArchive } from '../../scripts/images/archive.ts';
import { PRODUCT_IMAGES, TEST_IMAGE } from '../../scripts/images/catalogue.ts';
import { ensureImageArchives } from '../../scripts/images.ts';
import { debianPackagesIn } from '../../scripts/supply/licences.ts';
import { debianPart } from '../../scripts/supply/page.ts';
import { writeImageBom } from '../../scripts/supply/sbom.ts';
import type { VirtualAddress, VrrpInstance } from '../../sidecar/desired/vrrp-instance.ts';
import { renderConfig } from '../../sidecar/keepalived/render.ts';
import { unpackForContainer } from '../support/archive-root.ts';
import { execInContainer, isRunning } from '../support/container.ts';
import {
  ensureImageRoot,
  imageCommands,
  placeInImage,
  supervisorBinds,
  supervisorFiles,
} from '../support/image-root.ts';
import { canMakeNamespaces, command, mustSkip } from '../support/needs.ts';
import { PROXY_UID, PROXY_UNDER_TINI, proxyConfig, proxyNodes } from './proxy-node.ts';
import { config, FIRST, RUNTIME_DIR } from './supervisor/config.ts';
import { TestNetwork } from './supervisor/network.ts';
import { type TestNode, UNDER_TINI } from './supervisor/node.ts';

/** What a node needs for the proxy or for BIRD besides what it has for keepalived. */
const MOST_BESIDES_BYTES = 16_000_000;
/** From nothing: two base images, and two programs to compile. */
const BUILD_LIMIT_MS = 30 * 60_000;
const RUN_LIMIT_MS = 30_000;
const checkout = join(import.meta.dirname, '../..');

const skip = mustSkip('the container images', [canMakeNamespaces, command('mmdebstrap')]);

/** What must be found in an image besides Debian's packages, however it was put there. */
const MADE_OF: Readonly<Record<string, readonly string[]>> = {
  keepalived: ['keepalived', 'curl', 'tini'],
  proxy: ['haproxy', 'tini'],
  bird: ['bird2', 'tini'],
  sidecar: ['node', 'router', 'pino', '@kubernetes/client-node', 'undici'],
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Names of the components in a CycloneDX document. */
function componentsOf(json: string): string[] {
  const { components } = JSON.parse(json) as { components: { readonly group?: string; readonly name: string }[] };
  return components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));
}

function address(text: string, family: 4 | 6 = 4): VirtualAddress {
  return { address: text, prefixLength: family === 4 ? 24 : 64, family, interface: 'eth0' };
}

const INSTANCE: VrrpInstance = {
  name: 'vip',
  version: 3,
  virtualRouterId: 10,
  advertIntervalSeconds: 0.1,
  interface: 'eth0',
  addresses: [address(FIRST)],
};

const OPTIONS = { node: 'node1', runtimeDirectory: RUNTIME_DIR, pulseUrl: 'http://127.0.0.1:10270/pulse', debug: true };

/** What the sidecar may ask of keepalived. */
const INSTANCES: Readonly<Record<string, VrrpInstance>> = {
  'of version 3': INSTANCE,
  'of version 2 with a password': { ...INSTANCE, version: 2, advertIntervalSeconds: 1, authPassword: 'se"cr#t' },
  'with peers and IPv6': {
    ...INSTANCE,
    addresses: [address(FIRST), address('2001:db8::100', 6)],
    unicast: { sourceAddress: '10.77.0.1', peers: ['10.77.0.2'] },
  },
};

describe.skipIf(skip)('the image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'images-test-'));
  const archives = new Map<string, string>();
  const images = new Map<string, ArchivedImage>();
  const network = new TestNetwork();

  function imageOf(name: string): ArchivedImage {
    const found = images.get(name);
    if (found === undefined) throw new Error(`no archive of ${name}`);
    return found;
  }

  /** The folder with an image's files, as they are in it. */
  async function filesOf(name: string): Promise<string> {
    const root = join(folder, name);
    if (existsSync(root)) return root;
    mkdirSync(root);
    await unpackArchive(archives.get(name) ?? '', root);
    return root;
  }

  beforeAll(async () => {
    for (const { ref, archive } of await ensureImageArchives(say)) {
      const name = /([^/]+):[^:]+$/.exec(ref)?.[1] ?? ref;
      archives.set(name, archive);
      images.set(name, await readArchive(archive));
    }
  }, BUILD_LIMIT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  // After that line: what is registered last is undone first, and containers run from the folder.
  network.register();

  describe.each(PRODUCT_IMAGES)('$name', ({ name, limitBytes }) => {
    const version = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')).version as string;

    it('is called as the chart calls it', () => {
      expect(imageOf(name).refs).toEqual([
        expect.stringMatching(`(docker.io/)?keepalived-ingress-vip/${name}:${version}`),
      ]);
    });

    it(`is not larger than ${limitBytes / 1_000_000} MB`, () => {
      expect(imageOf(name).bytes).toBeLessThanOrEqual(limitBytes);
    });

    it('says what it is', () => {
      expect(imageOf(name).config.Labels).toMatchObject({
        'org.opencontainers.image.title': `keepalived-ingress-vip ${name}`,
        'org.opencontainers.image.description': expect.stringMatching(/\w+ \w+/),
        'org.opencontainers.image.licenses': expect.stringContaining('Apache-2.0'),
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.source': expect.any(String),
        'org.opencontainers.image.revision': expect.any(String),
      });
    });

    it('has the licences of what is in it, and names the packages', async () => {
      const root = await filesOf(name);
      const packages = globSync('*', { cwd: join(root, 'var/lib/dpkg/status.d') });
      expect(packages).toContain('libc6');
      const files = packages.map((each) => join(root, 'usr/share/doc', each, 'copyright'));
      expect(files.filter((file) => !existsSync(file))).toEqual([]);
      expect(readFileSync(join(root, 'var/lib/dpkg/status.d/libc6'), 'utf8')).toMatch(/^Version: 2/m);
      const own = join(root, 'usr/share/doc/keepalived-ingress-vip/copyright');
      expect(readFileSync(own)).toEqual(readFileSync(join(checkout, 'LICENSE')));
    });

    it('is described by valid documents that have all of its Debian packages', async () => {
      const image = { archive: archives.get(name) ?? '', name, version };
      const { cyclonedx, spdx } = await writeImageBom(image, join(folder, 'sbom'), say);
      const text = readFileSync(cyclonedx, 'utf8');
      expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)).toBeNull();
      expect(JSON.parse(readFileSync(spdx, 'utf8'))).toMatchObject({ spdxVersion: 'SPDX-2.3' });
      const found = componentsOf(text);
      const debian = globSync('*', { cwd: join(await filesOf(name), 'var/lib/dpkg/status.d') });
      expect(found).toEqual(expect.arrayContaining([...debian, ...(MADE_OF[name] ?? [])]));
      // By their purl scanners know them for Debian's.
      expect(debianPackagesIn(text).map((each) => each.name)).toEqual(expect.arrayContaining(debian));
      const page = readFileSync(join(checkout, 'chart/THIRD-PARTY.md'), 'utf8');
      const rows = [...debianPart(page).matchAll(/^\| (\S+) \| [^|]* \| ([^|]*) \|$/gm)];
      const listed = rows.filter(([, , images = '']) => images.split(', ').includes(name)).map(([, which]) => which);
      expect(listed.toSorted()).toEqual(debian.toSorted());
    });
  });

  describe.each(['proxy', 'bird'])('%s beside keepalived', (name) => {
    it(`begins with the same layer, and adds at most ${MOST_BESIDES_BYTES / 1_000_000} MB to it`, () => {
      const [own = [], other = []] = [name, 'keepalived'].map((each) => imageOf(each).layers);
      expect(own[0]).toEqual(other[0]);
      expect(ownBytes(own, other)).toBeLessThanOrEqual(MOST_BESIDES_BYTES);
    });
  });

  describe('keepalived', () => {
    let root: string;

    beforeAll(async () => {
      root = mkdtempSync(join(folder, 'keepalived-'));
      await unpackForContainer(archives.get('keepalived') ?? '', root);
    });

    it('starts the supervisor under tini, as root', () => {
      const { Entrypoint, Cmd, User } = imageOf('keepalived').config;
      expect([...(Entrypoint ?? []), ...(Cmd ?? [])]).toEqual(UNDER_TINI);
      expect(['', '0', 'root', undefined]).toContain(User);
    });

    it('has the checkout’s supervisor, with all of its parts', () => {
      const [supervisor = '', ...parts] = supervisorFiles();
      const inImage = (file: string): string => join(root, placeInImage(file));
      const modeOf = (file: string): number => statSync(file).mode & 0o777;
      expect(readFileSync(inImage(supervisor))).toEqual(readFileSync(supervisor));
      expect(modeOf(inImage(supervisor))).toBe(0o755);
      expect(globSync('*/*', { cwd: join(root, 'usr/local/lib/supervisor') })).toHaveLength(parts.length);
      for (const part of parts) {
        expect(readFileSync(inImage(part)), part).toEqual(readFileSync(part));
        expect(modeOf(inImage(part)), part).toBe(0o644);
      }
      for (const folder of ['', 'common', 'keepalived'])
        expect(modeOf(join(root, 'usr/local/lib/supervisor', folder))).toBe(0o755);
    });

    it.each(['the image', 'the root directory that stands for it in the lab'])(
      'has every command: %s',
      async (which) => {
        const where = which === 'the image' ? root : await ensureImageRoot();
        // What is the project's own is bound into the lab's.
        const bound = which === 'the image' ? [] : supervisorBinds();
        expect(bound.filter(({ host }) => !existsSync(host))).toEqual([]);
        const names = bound.map(({ container }) => basename(container));
        const commands = imageCommands().filter((name) => !names.includes(name));
        const script = 'for name do [ -n "$(command -v "$name")" ] || echo "$name"; done';
        const { stdout } = await execa('chroot', [where, 'sh', '-c', script, 'sh', ...commands], {
          timeout: RUN_LIMIT_MS,
        });
        expect(stdout).toBe('');
      },
    );

    it('has every library of every program', async () => {
      const programs = globSync(['usr/bin/*', 'usr/sbin/*'], { cwd: root }).map((file) => `/${file}`);
      const loader = globSync('usr/lib*/ld-linux-*', { cwd: root })[0] ?? '';
      const { stdout } = await execa(
        'chroot',
        [
          root,
          'sh',
          '-c',
          'loader=$1; shift; for each do "$loader" --list "$each" || echo "$each: failed"; done',
          'sh',
          `/${loader}`,
          ...programs,
        ],
        { timeout: RUN_LIMIT_MS },
      );
      expect(stdout).toContain('libc.so.6 => ');
      expect(stdout).not.toMatch(/not found|failed/);
    });

    it('has a keepalived that is new enough and has what the sidecar’s configurations need', async () => {
      const { stderr } = await execa('chroot', [root, 'keepalived', '--version'], { timeout: RUN_LIMIT_MS });
      const [, major, minor, patch] = /^Keepalived v(\d+)\.(\d+)\.(\d+)/.exec(stderr) ?? [];
      expect(Number(major) * 10_000 + Number(minor) * 100 + Number(patch)).toBeGreaterThanOrEqual(20_303);
      expect(stderr).toMatch(/^Config options: .*\bVRRP VRRP_AUTH\b.*\bJSON\b/m);
      expect(stderr).not.toMatch(/^Config options: .*\b(SNMP|DBUS|SYSTEMD)\b/m);
    });

    it('serves, answers its probe, drains and leaves nothing, with the privileges of the pod', async () => {
      const node = await network.node();
      const text = config({ addresses: [FIRST], head: '#! pulse vip.pulse -200 http://127.0.0.1:10270/pulse\n' });
      const container = await node.serve(text, { address: FIRST, root });
      expect((await node.run(container, 'check')).exitCode).toBe(0);
      const pulse = join(node.runtime, 'track/vip.pulse');
      await node.until('misses the sidecar', () => node.read(pulse) === '-200\n');
      const drain = node.run(container, 'drain');
      await node.until('is asked to drain', () => existsSync(join(node.runtime, 'drain')));
      node.place('drained', 'now\n');
      expect((await drain).stdout).toContain('msg="drained"');
      process.kill(container.insidePid, 'SIGTERM');
      await node.until('takes its address off', async () => !(await node.has(FIRST)));
      expect(node.log).not.toMatch(/not found|No such file|error while loading/);
    });

    it('has nftables do what the sidecar asks for', async () => {
      const node = await network.node();
      node.place('redirects', 'guard 6444\n');
      const text = config({ addresses: [FIRST] });
      await node.serve(text, { address: FIRST, root, env: { REDIRECT_TABLE: 'kiv_test' } });
      await node.until('closes the port', () => node.status.redirects?.state === 'applied');
    });

    describe('takes the sidecar’s configuration', () => {
      async function judgement(node: TestNode, instance: VrrpInstance): Promise<string> {
        const container = await node.startIdle({ root });
        for (const file of ['gate', 'offset', 'pulse']) node.place(`track/${instance.name}.${file}`, '0\n');
        node.place('tried.conf', renderConfig([instance], OPTIONS));
        const { exitCode, stdout, stderr } = await execInContainer(container, {
          argv: ['/usr/sbin/keepalived', '-t', '-P', '-f', join(RUNTIME_DIR, 'tried.conf')],
        });
        return `${exitCode} ${stdout}${stderr}`;
      }

      it.each(Object.keys(INSTANCES))('%s', async (which) => {
        expect(await judgement(await network.node(), INSTANCES[which] ?? INSTANCE)).toMatch(/^0 /);
      });
    });
  });

  describe.each(['proxy', 'bird'] as const)('%s, whose user has no rights', (name) => {
    let root: string;

    beforeAll(async () => {
      root = mkdtempSync(join(folder, `${name}-`));
      await unpackForContainer(archives.get(name) ?? '', root);
    });

    it('has the checkout’s supervisor, with all of its parts', () => {
      for (const file of supervisorFiles(name))
        expect(readFileSync(join(root, placeInImage(file))), file).toEqual(readFileSync(file));
    });

    it('has every command, and so has the root directory that stands for it in the lab', async () => {
      const script = 'for name do [ -n "$(command -v "$name")" ] || echo "$name"; done';
      for (const where of [root, await ensureImageRoot(say, name)]) {
        const { stdout } = await execa('chroot', [where, 'sh', '-c', script, 'sh', ...imageCommands(name)], {
          timeout: RUN_LIMIT_MS,
        });
        expect([where, stdout]).toEqual([where, '']);
      }
    });

    it('has nothing that its user may write', async () => {
      const files = await filesOf(name);
      const writable = globSync('**/*', { cwd: files }).filter((file) => {
        const { mode, uid } = statSync(join(files, file), { throwIfNoEntry: false }) ?? { mode: 0, uid: 0 };
        return (mode & 0o002) !== 0 || uid !== 0;
      });
      expect(writable).toEqual([]);
    });
  });

  describe('proxy', () => {
    let root: string;
    const makeNode = proxyNodes();

    beforeAll(async () => {
      root = mkdtempSync(join(folder, 'proxy-'));
      await unpackForContainer(archives.get('proxy') ?? '', root);
    });

    it('starts the supervisor under tini, as a user without rights', () => {
      const { Entrypoint, Cmd, User } = imageOf('proxy').config;
      expect([...(Entrypoint ?? []), ...(Cmd ?? [])]).toEqual(PROXY_UNDER_TINI);
      expect(User).toBe(`${PROXY_UID}:${PROXY_UID}`);
    });

    it('serves, answers its probe, reloads and stops, with the privileges of the pod', async () => {
      const node = await makeNode();
      const container = await node.serve(proxyConfig(), { root });
      const clients = await node.clients();
      await clients.ask('open 3', /^open 3$/m);
      node.offer(proxyConfig({ comment: 'another' }));
      await node.until('reloads', () => node.status.workersTotal === 2);
      await clients.ask('ask', /^answered 3$/m);
      await node.until('answers', () => node.answers(container));
      process.kill(container.insidePid, 'SIGTERM');
      await node.until('ends', () => !isRunning(container));
      expect(node.log).not.toMatch(/not found|No such file|error while loading/);
    });
  });

  describe('bird', () => {
    it('starts the supervisor under tini, as a user without rights', () => {
      const { Entrypoint, Cmd, User } = imageOf('bird').config;
      expect([...(Entrypoint ?? []), ...(Cmd ?? [])]).toEqual([...PROXY_UNDER_TINI, 'bgp']);
      expect(User).toBe(`${PROXY_UID}:${PROXY_UID}`);
    });

    it('has the libraries of its programs', async () => {
      const files = await filesOf('bird');
      const { stderr } = await execa('chroot', [files, 'bird', '--version'], { timeout: RUN_LIMIT_MS });
      expect(stderr).toMatch(/^BIRD version 2\./);
      const { stdout } = await execa('chroot', [files, 'birdcl', '-h'], {
        timeout: RUN_LIMIT_MS,
        reject: false,
        all: true,
      });
      expect(stdout).not.toContain('error while loading');
    });
  });

  describe('sidecar', () => {
    let root: string;

    beforeAll(async () => {
      root = await filesOf('sidecar');
    });

    const run = (...words: string[]) =>
      execa('chroot', ['--userspec=65532:65532', root, ...words], { timeout: RUN_LIMIT_MS, reject: false });

    it('runs as the user 65532', () => {
      expect(imageOf('sidecar').config.User).toBe('65532:65532');
    });

    it('has one program: no shell, no package manager', () => {
      const programs = globSync(['**/bin/*', '**/sbin/*', '**/libexec/**'], { cwd: root });
      expect(programs.filter((file) => statSync(join(root, file)).isFile())).toEqual(['usr/local/bin/node']);
    });

    it('has the licence of every package that is bundled, as the chart’s page lists them', () => {
      const texts = readFileSync(join(root, 'usr/share/doc/keepalived-ingress-vip/third-party-licences.txt'), 'utf8');
      const page = readFileSync(join(checkout, 'chart/THIRD-PARTY.md'), 'utf8');
      const listed = [...page.matchAll(/^\| (\S+) \| (\d\S*) \| ([^|]+) \|/gm)].map(
        ([, which, release, licence]) => `${which} ${release} (${licence})`,
      );
      expect(listed.length).toBeGreaterThan(50);
      expect(listed.filter((heading) => !texts.includes(`\n${heading}\n===`))).toEqual([]);
    });

    it('starts', async () => {
      const entrypoint = imageOf('sidecar').config.Entrypoint ?? [];
      const { exitCode, stderr } = await run(...entrypoint, '--config', '/missing.yaml', '--check');
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('/missing.yaml is not usable')]);
      expect((await run(entrypoint[0] ?? '', '--version')).stdout).toMatch(/^v24\./);
    });

    it('has nothing that its user may write, but for /tmp', () => {
      const writable = globSync('**/*', { cwd: root }).filter((file) => {
        const { mode, uid } = statSync(join(root, file), { throwIfNoEntry: false }) ?? { mode: 0, uid: 0 };
        return (mode & 0o002) !== 0 || uid !== 0;
      });
      expect(writable).toEqual(['tmp']);
    });
  });

  it('for the test cluster starts commands under tini', () => {
    const { Entrypoint, Cmd } = imageOf(TEST_IMAGE.name).config;
    expect([Entrypoint, Cmd]).toEqual([
      ['/usr/bin/tini', '--'],
      ['sleep', 'infinity'],
    ]);
    expect(imageOf(TEST_IMAGE.name).bytes).toBeLessThanOrEqual(TEST_IMAGE.limitBytes);
  });
});
