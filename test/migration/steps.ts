/** A step of the page: one block of commands. */
export interface Step {
  /** For people: what one does by it. */
  readonly what: string;
  readonly section: string;
  /** Which of the section's blocks, from 0. */
  readonly block: number;
  /** Words of the block: a page whose blocks have another order is not walked in the wrong one. */
  readonly contains: string;
}

const step = (what: string, section: string, block: number, contains: string): Step => ({
  what,
  section,
  block,
  contains,
});

const FROM = '3. From MetalLB';
const BACK = 'Back to MetalLB';

const TRANSLATE = step('translates its pools', '1. Pools', 0, 'translate');
const LOOK = step('looks which addresses are in use', '1. Pools', 2, 'get services');
const RELEASE = step('installs the release, and its pools', '2. The release', 0, 'services.enabled=true');
const TAKE_OVER = step('has Services served here', FROM, 0, 'services.classless=true');
const SILENCE = step('takes the speakers away', FROM, 1, 'delete daemonset speaker');
const ASK = step('has Services ask for the addresses that they have', BACK, 0, 'annotate service');
const GIVE_UP = step('has MetalLB serve them again', BACK, 1, 'helm uninstall');
const CLEAN = step('takes off what nobody reads any more', FROM, 2, 'ip-allocated-from-pool-');

/** The way there, until MetalLB gives and answers nothing any more. */
export const THERE: readonly Step[] = [RELEASE, TAKE_OVER, SILENCE];
/** What comes before it. */
export const BEFORE: readonly Step[] = [TRANSLATE, LOOK];
/** The way back; MetalLB's speakers are there again after the first. */
export const BACK_AGAIN: readonly Step[] = [ASK, GIVE_UP];
/** When MetalLB is removed. */
export const AFTER: readonly Step[] = [CLEAN];

/** All steps of the way from MetalLB. */
export const METALLB_STEPS: readonly Step[] = [...BEFORE, ...THERE, ...BACK_AGAIN, ...AFTER];

const FROM_KUBE_VIP = '3. From kube-vip';

/** All steps of the way from kube-vip, in their order. */
export const KUBE_VIP_STEPS: readonly Step[] = [
  step('translates its pools', '1. Pools', 1, 'kubevip'),
  LOOK,
  RELEASE,
  step('has Services served here', FROM_KUBE_VIP, 0, 'services.classless=true'),
  step('looks what Services wait for', FROM_KUBE_VIP, 1, 'Allocated'),
  step('takes kube-vip away', FROM_KUBE_VIP, 2, 'delete daemonset kube-vip-ds'),
];
