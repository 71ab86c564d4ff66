// What every page of the tests has: a wait for a condition, and what the policy of the page has stopped.
const waiters = new Set();

globalThis.refusals = [];
document.addEventListener('securitypolicyviolation', ({ blockedURI, violatedDirective }) => {
  globalThis.refusals.push(`${violatedDirective} ${blockedURI}`);
});

globalThis.waitFor = (isDone) =>
  new Promise((resolve) => {
    const check = () => {
      if (!isDone()) return;
      waiters.delete(check);
      resolve();
    };
    waiters.add(check);
    check();
  });

export function changed() {
  for (const check of waiters) check();
}

// Counts as a change for those who wait.
document.addEventListener('visibilitychange', changed);
