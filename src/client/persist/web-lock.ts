/** Web Locks say which tabs live: a lock is held until its page is gone. */

interface LockManager {
  request(
    name: string,
    options: { readonly ifAvailable: boolean },
    work: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/** Whether nobody else has it; held from now on. Where there are no locks nobody is known to have it. */
export function claimLock(name: string): Promise<boolean> {
  const { navigator } = globalThis as unknown as { readonly navigator?: { readonly locks?: LockManager } };
  const locks = navigator?.locks;
  if (locks === undefined) return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise(() => {});
      })
      .catch(reject);
  });
}
