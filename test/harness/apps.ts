/** Applications of tests. */
import type { App, Host, MaybePromise, Parts } from '../../src/index.ts';

export function appOf(name: string, start: (host: Host) => MaybePromise<Parts>): App {
  return { name, start: (host) => start(host) };
}
