/** `signalbox/client/react/assistant`: a session with the assistant in a component. An entry of its own, so that pages without one do not load it. */
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { assistant, type AssistantChat, type AssistantSnapshot } from '../assistant/index.ts';
import { useClient } from './index.ts';

export interface UsedAssistant extends AssistantSnapshot {
  /** What asks, stops and asks again; the same object until the session changes. */
  readonly chat: AssistantChat;
}

/** The messages of a session and the answer that grows. An answer goes on when the component is gone. */
export function useAssistant(session: string): UsedAssistant {
  const client = useClient();
  const chat = useMemo(() => assistant(client).open(session), [client, session]);
  const subscribe = useCallback((changed: () => void) => chat.subscribe(changed), [chat]);
  const snapshot = useSyncExternalStore(
    subscribe,
    () => chat.getSnapshot(),
    () => chat.getSnapshot(),
  );
  return useMemo(() => ({ ...snapshot, chat }), [snapshot, chat]);
}
