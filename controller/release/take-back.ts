import type { Clock } from '../../common/clock.ts';
import { reasonOf } from '../kubernetes/api-error.ts';
import type { ServiceWriter } from '../kubernetes/service-api.ts';
import { countOf, type Found, type Owned, ownedOf, type ServiceWork } from './owned.ts';

/** Requests that are on their way at a time. */
const AT_ONCE = 20;
const PAUSE_MS = 250;

/** What there is, and what changes it. */
export interface TakeBackDependencies {
  readonly find: () => Promise<Found>;
  readonly writer: Pick<
    ServiceWriter,
    'removeServiceFinalizer' | 'patchServiceStatus' | 'deleteClaim' | 'setPoolFinalizers'
  >;
  readonly clock: Clock;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Takes a line for people. */
  readonly say: (line: string) => void;
}

interface Work {
  /** Of what, for people. */
  readonly name: string;
  readonly done: string;
  readonly write: () => Promise<unknown>;
}

/** How much was taken back. */
interface Sum {
  services: number;
  claims: number;
  pools: number;
}

/** Runs all, a few at a time. @returns why some failed */
async function runAll(works: readonly Work[], say: (line: string) => void): Promise<string[]> {
  const failures: string[] = [];
  const left = [...works];
  const worker = async (): Promise<void> => {
    for (let work = left.shift(); work !== undefined; work = left.shift()) {
      try {
        await work.write();
        say(`${work.name}: ${work.done}`);
      } catch (error) {
        failures.push(`${work.name}: ${reasonOf(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

/** The status first: when the finalizer goes, a deleted Service goes with it. */
async function releaseService({ service, status, finalizer }: ServiceWork, writer: TakeBackDependencies['writer']) {
  const stored = status === undefined ? service : await writer.patchServiceStatus(service, status);
  if (finalizer && stored !== undefined) await writer.removeServiceFinalizer(stored);
}

function serviceWorks({ services }: Owned, writer: TakeBackDependencies['writer']): Work[] {
  return services.map((work) => ({
    name: `Service ${work.service.metadata.namespace}/${work.service.metadata.name}`,
    done: work.addresses.length > 0 ? `released, without ${work.addresses.join(' and ')}` : 'released',
    write: () => releaseService(work, writer),
  }));
}

function claimWorks({ claims }: Owned, writer: TakeBackDependencies['writer']): Work[] {
  return claims.map((claim) => ({
    name: `ServiceAddress ${claim.metadata.name}`,
    done: 'deleted',
    write: () => writer.deleteClaim(claim),
  }));
}

function poolWorks({ pools }: Owned, writer: TakeBackDependencies['writer']): Work[] {
  return pools.map(({ pool, finalizers }) => ({
    name: `VirtualIPPool ${pool.metadata.name}`,
    done: 'released',
    write: () => writer.setPoolFinalizers(pool, finalizers),
  }));
}

/**
 * Once over everything. A claim goes after all Services: it is what says that a Service is ours, should this end half-way.
 * @returns why some failed
 */
async function pass(owned: Owned, { writer, say }: TakeBackDependencies, sum: Sum): Promise<string[]> {
  for (const [kind, works] of [
    ['services', serviceWorks(owned, writer)],
    ['claims', claimWorks(owned, writer)],
    ['pools', poolWorks(owned, writer)],
  ] as const) {
    const failures = await runAll(works, say);
    sum[kind] += works.length - failures.length;
    if (failures.length > 0) return failures;
  }
  return [];
}

function sentence({ services, claims, pools }: Sum): string {
  if (services + claims + pools === 0) return 'there is nothing to take back';
  return `taken back: Services ${services}, addresses ${claims}, pools ${pools}`;
}

/**
 * Takes back from Services, pools and the cluster all that was put there for addresses of Services, until a look at the whole finds nothing.
 * What others put there stays. What cannot be changed now is tried again.
 * @param options.limitMs how long this may take
 * @throws Error with what is left and why, when that did not do
 */
export async function takeBack(
  { limitMs }: { readonly limitMs: number },
  dependencies: TakeBackDependencies,
): Promise<void> {
  const { find, clock, sleep, say } = dependencies;
  const untilMs = clock.monotonicMs() + limitMs;
  const sum: Sum = { services: 0, claims: 0, pools: 0 };
  for (;;) {
    const [owned, trouble] = await find().then(
      (found) => [ownedOf(found), []] as const,
      (error: unknown) => [undefined, [reasonOf(error)]] as const,
    );
    if (owned !== undefined && countOf(owned) === 0) return say(sentence(sum));
    const failures = owned === undefined ? trouble : await pass(owned, dependencies, sum);
    if (clock.monotonicMs() >= untilMs) throw new Error(leftText(limitMs, owned, failures));
    await sleep(PAUSE_MS);
  }
}

function leftText(limitMs: number, owned: Owned | undefined, failures: readonly string[]): string {
  const left =
    owned === undefined ? 'nothing could be read' : `not everything was taken back (left: ${countOf(owned)})`;
  const [first = 'somebody puts them there again; stop the controller first', ...more] = failures;
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return `${left} within ${limitMs / 1000} s: ${first}${others}`;
}
