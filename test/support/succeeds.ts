/** Whether something can be done, however it fails where it cannot. */
export function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  return work().then(
    () => true,
    () => false,
  );
}
