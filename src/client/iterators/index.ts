/** `signalbox/client/iterators`: messages without the rest, and where the connection stands. docs/client.md. */
import type { Client } from '../client.ts';
import type { ConnectionState } from '../connection-state.ts';
import type { Gap, Message } from '../items.ts';
import type { ReadOptions, Topic } from '../topic.ts';

export interface MessagesOptions extends ReadOptions {
  /** Called for what is missing, in its place. */
  readonly onGap: (gap: Gap) => unknown;
}

/** Only the messages of a topic. */
export async function* messagesOf<P>(topic: Topic<P>, options: MessagesOptions): AsyncGenerator<Message<P>> {
  for await (const item of topic.items(options))
    if (item.kind === 'gap') await options.onGap(item);
    else if (item.kind === 'message') yield item;
}

/** The state now and whenever it has changed, the newest each time; ends with `closed`. */
export async function* statesOf(client: Client): AsyncGenerator<ConnectionState> {
  let next: ConnectionState | undefined = client.state;
  let wake = (): void => {};
  const stop = client.on('state', (state) => {
    next = state;
    wake();
  });
  try {
    for (;;) {
      const state: ConnectionState | undefined = next;
      next = undefined;
      if (state !== undefined) {
        yield state;
        if (state.status === 'closed') return;
      } else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stop();
  }
}
