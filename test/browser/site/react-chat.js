import { createElement, useState } from 'react';
import { useConnection, useMessages, useTopic } from 'signalbox/client/react';

export function Chat({ changed }) {
  const { status } = useConnection();
  const [heard, setHeard] = useState(0);
  const state = useTopic('chat.42', (item) => {
    setHeard((count) => count + 1);
    const { record } = globalThis;
    if (item.kind === 'message') {
      record.payloads.push(item.payload);
      record.sequences.push(item.sequence);
    }
    record.kinds.push(item.kind);
    changed();
  });
  const { messages } = useMessages('chat.42', { limit: 3 });
  const lines = messages.map(({ payload }) => payload).join();
  return createElement('p', { title: `${heard} items` }, `first: ${status} ${state} ${lines}`);
}
