/** What happens to a page, as its connection takes it. */
import type { Connection } from './connection.ts';
import type { LifecycleEvent } from './environment.ts';
import type { ClientStorage } from './storage.ts';

export function liveWith(connection: Connection, event: LifecycleEvent, storage: ClientStorage | undefined): void {
  if (event === 'hidden' || event === 'freeze' || event === 'pagehide') {
    void storage?.flush();
    connection.hidden();
    // An open socket keeps a page out of the back-forward cache.
    if (event === 'pagehide') connection.suspend('bfcache');
  } else if (event === 'online') connection.online();
  else if (event === 'offline') connection.probe();
  else connection.visible(event !== 'visible');
}
