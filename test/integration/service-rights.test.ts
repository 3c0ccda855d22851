import { spawn } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { ensureBundles } from '../../scripts/build.ts';
import { ensureTool } from '../../scripts/tools.ts';
import { freePort } from '../support/free-port.ts';
import { KubeApi } from '../support/kube-api.ts';
import { command, mustSkip } from '../support/needs.ts';
import { Program } from '../support/program.ts';
import { CHART, RELEASE_NAME, RELEASE_NAMESPACE } from '../support/release-names.ts';
import { waitFor } from '../support/wait.ts';

const skip = mustSkip('the rights to serve Services in a real API server', [command('openssl')]);
/** A cold machine builds Kubernetes first. */
const SET_UP_LIMIT_MS = 45 * 60_000;
const COMMAND_LIMIT_MS = 110_000;
const LIMIT = { limitMs: 30_000, everyMs: 100 };
const BUNDLE = join(import.meta.dirname, '../../dist/controller.cjs');
const CONTROLLER = `${RELEASE_NAME}-controller`;
const CHANGED = '10.77.1.140';

let api: KubeApi;
let helm: string;
let home: string;
let controller: Program;

async function apply(object: object): Promise<void> {
  await api.kubectl(['apply', '-f', '-'], { input: stringify(object) });
}

async function createService(name: string): Promise<void> {
  const spec = { type: 'LoadBalancer', ports: [{ name: 'http', port: 80 }] };
  await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec });
}

function addressOf(name: string): Promise<string> {
  const path = 'jsonpath={.status.loadBalancer.ingress[0].ip}';
  const look = async () => (await api.kubectl(['get', 'service', '-n', 'shop', name, '-o', path])) || undefined;
  return waitFor(`an address of ${name}`, look, LIMIT, () => controller.output);
}

async function deleteService(name: string): Promise<void> {
  await api.kubectl(['delete', 'service', '-n', 'shop', name, '--wait=false']);
  const names = () => api.kubectl(['get', 'services', '-n', 'shop', '-o', 'name']);
  const gone = async () => !(await names()).split('\n').includes(`service/${name}`);
  await waitFor(`${name} to go`, gone, LIMIT, () => controller.output);
}

async function tokenOf(account: string): Promise<string> {
  return (await api.kubectl(['-n', RELEASE_NAMESPACE, 'create', 'token', account])).trim();
}

/** A kubeconfig of a service account of the release. */
async function kubeconfigOf(account: string): Promise<string> {
  const token = await tokenOf(account);
  const file = join(home, account);
  const own = await readFile(api.kubeconfig, 'utf8');
  await writeFile(file, own.replace(/token: .*/, `token: ${token}`), { mode: 0o600 });
  return file;
}

function runHelm(...args: string[]): Promise<string> {
  const folders = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  const env = { KUBECONFIG: api.kubeconfig, ...folders };
  return execa(helm, [...args, '-n', RELEASE_NAMESPACE], { env, timeout: COMMAND_LIMIT_MS }).then(
    (done) => done.stdout,
  );
}

/** The controller as in its pod: with the settings of the chart, and with the rights of its own account. */
async function startController(): Promise<Program> {
  const path = 'jsonpath={.data.config\\.yaml}';
  const text = await api.kubectl(['-n', RELEASE_NAMESPACE, 'get', 'configmap', CONTROLLER, '-o', path]);
  const settings = { ...(parse(text) as object), server: { address: '127.0.0.1', port: await freePort() } };
  const config = join(home, 'config.yaml');
  await writeFile(config, stringify(settings));
  const own = { KUBECONFIG: await kubeconfigOf(CONTROLLER), POD_NAME: 'one', POD_NAMESPACE: RELEASE_NAMESPACE };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  const child = spawn(process.execPath, [BUNDLE, '--config', config], { env: { ...process.env, ...own }, stdio });
  return new Program('the controller', child);
}

describe.skipIf(skip)('the rights that the chart gives', () => {
  beforeAll(async () => {
    api = new KubeApi(dirname(await realpath(await ensureTool('hyperkube'))));
    helm = await ensureTool('helm');
    home = await mkdtemp(join(tmpdir(), 'service-rights-'));
    await ensureBundles();
    await api.start();
    for (const namespace of [RELEASE_NAMESPACE, 'shop']) await api.kubectl(['create', 'namespace', namespace]);
    await runHelm('install', RELEASE_NAME, CHART, '--set=services.enabled=true,services.classless=true');
    controller = await startController();
    const pool = { ranges: [{ cidr: '10.77.1.128/28' }], services: { autoAssign: true } };
    const object = {
      apiVersion: 'keepalived-ingress-vip.io/v1alpha1',
      kind: 'VirtualIPPool',
      metadata: { name: 'web' },
    };
    await waitFor(
      'the definitions',
      () =>
        apply({ ...object, spec: pool }).then(
          () => true,
          () => false,
        ),
      LIMIT,
    );
  }, SET_UP_LIMIT_MS);

  afterAll(async () => {
    await controller?.stop('SIGTERM');
    await api?.stop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  it('are enough for the whole life of a Service: it gets an address, another one, goes, and comes back', async () => {
    await createService('web');
    await createService('later');
    const [web, later] = [await addressOf('web'), await addressOf('later')];
    expect(web).not.toBe(later);
    await api.kubectl(['annotate', 'service', '-n', 'shop', 'web', `keepalived-ingress-vip.io/addresses=${CHANGED}`]);
    await waitFor(
      'the other address',
      async () => (await addressOf('web')) === CHANGED,
      LIMIT,
      () => controller.output,
    );
    await deleteService('later');
    await createService('later');
    expect(await addressOf('later')).toBe(later);
    expect(controller.output).not.toContain('forbidden');
  });

  it('are enough to follow endpoints, and not to change them', async () => {
    const own = ['--kubeconfig', await kubeconfigOf(CONTROLLER)];
    const asked = (verb: string) =>
      api.kubectl([...own, 'auth', 'can-i', verb, 'endpointslices.discovery.k8s.io', '-A']).then(
        (answer) => answer.trim(),
        () => 'no',
      );
    expect(await Promise.all(['get', 'list', 'watch'].map(asked))).toEqual(['yes', 'yes', 'yes']);
    expect(await Promise.all(['create', 'patch', 'update', 'delete'].map(asked))).toEqual(['no', 'no', 'no', 'no']);
  });

  it.each(['labels: {owner: other}', 'annotations: {owner: other}', 'finalizers: [example.com/other]'])(
    'are not enough for %s of a Service, by way of its status neither',
    async (metadata) => {
      const token = await tokenOf(CONTROLLER);
      const path = '/api/v1/namespaces/shop/services/web';
      const patch = { metadata: parse(metadata) as object };
      for (const each of [path, `${path}/status`]) {
        const { status, message } = await api.patchAs(token, each, patch);
        expect(status).toBe(403);
        expect(message).toContain('the controller may change the finalizer that it keeps');
      }
    },
  );

  it('are enough for a pool that is deleted while Services have addresses of it: it stays as long as they', async () => {
    await api.kubectl(['delete', 'virtualippool', 'web', '--wait=false']);
    const finalizers = 'jsonpath={.metadata.finalizers}';
    expect(await api.kubectl(['get', 'virtualippool', 'web', '-o', finalizers])).toContain('service-addresses');
    expect(await addressOf('web')).toBe(CHANGED);
    expect(controller.output).not.toContain('forbidden');
  });

  it('are enough for the command that takes everything back, with those of its own account', async () => {
    await api.kubectl(['apply', '-f', '-'], { input: await runHelm('get', 'hooks', RELEASE_NAME) });
    await controller.stop('SIGTERM');
    const env = { KUBECONFIG: await kubeconfigOf(`${RELEASE_NAME}-release`) };
    const args = [BUNDLE, 'release', '--stop', `${RELEASE_NAMESPACE}/${CONTROLLER}`];
    const { stdout } = await execa(process.execPath, args, { env, timeout: COMMAND_LIMIT_MS });
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining([
        `Deployment ${RELEASE_NAMESPACE}/${CONTROLLER}: stopped`,
        `Service shop/web: released, without ${CHANGED}`,
        'VirtualIPPool web: released',
      ]),
    );
    expect(await api.kubectl(['get', 'serviceaddresses,virtualippools', '-o', 'name'])).toBe('');
    const path =
      'jsonpath={.items[*].metadata.finalizers}{.items[*].status.loadBalancer.ingress}{.items[*].status.conditions}';
    expect(await api.kubectl(['get', 'services', '-n', 'shop', '-o', path])).toBe('');
    const replicas = ['get', 'deployment', '-n', RELEASE_NAMESPACE, CONTROLLER, '-o', 'jsonpath={.spec.replicas}'];
    expect(await api.kubectl(replicas)).toBe('0');
  });
});
