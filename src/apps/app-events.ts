/** What an application tells its instances on all nodes, through the control bus. */
import type { ArgumentsOf } from '../control/command.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Calls } from './calls.ts';

type Handler = (data: JsonValue, from: { readonly node: string }) => void;

interface Registered {
  readonly handler: Handler;
  readonly calls: Calls;
}

/** Characters of JSON in an event: it goes to every node, whether that needs it or not. */
export const MAX_EVENT = 65_536;

/** The handlers of all applications of a node. */
export class AppEvents {
  private readonly handlers = new Map<string, Registered[]>();
  private readonly deadlineMs: number;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  on(event: string, handler: Handler, calls: Calls): void {
    const key = `${calls.app} ${event}`;
    this.handlers.set(key, [...(this.handlers.get(key) ?? []), { handler, calls }]);
  }

  /** Events of applications that do not run here are nobody's. */
  told({ app, event, data, node }: ArgumentsOf<'app_event'>): void {
    for (const { handler, calls } of this.handlers.get(`${app} ${event}`) ?? []) {
      const called = { part: 'event', name: event, deadlineMs: this.deadlineMs } as const;
      calls.run(
        called,
        () => handler(data as JsonValue, { node }),
        () => {},
      );
    }
  }
}
