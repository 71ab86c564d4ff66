/**
 * What applications are told of connections: after the fact, of one connection in order, and never on the path of
 * delivery: a hook runs when the turn that it tells of is over, unless it wants to be told at once. `connecting` alone is asked, and admission waits for it.
 */
import type { Principal } from '../auth/principal.ts';
import type { Draft, Published } from '../broker/broker.ts';
import { ERRORS, isRefusal, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { ConnectingFacts, ConnectionEvents, ConnectionFacts, Welcome } from '../service/connection-events.ts';
import type { Scheduler } from '../telemetry/clock.ts';
import type { Tally } from '../telemetry/counters.ts';
import type { Hooks } from './app.ts';
import type { Calls } from './calls.ts';
import type { MaybePromise } from './vocabulary.ts';

/** Events of one application that wait for its hooks; more are dropped and counted. */
const MAX_WAITING = 100_000;

type Step = (done: () => void) => void;
type HookName = Exclude<keyof Hooks, 'atOnce'>;

/** The hooks of one application. */
class Listener {
  readonly hooks: Hooks;
  readonly calls: Calls;
  private readonly deadlineMs: number;
  private readonly dropped: Tally;
  /** By connection: what waits behind the hook that runs. */
  private readonly queues = new Map<string, Step[]>();
  private waiting = 0;
  private idle: (() => void)[] = [];

  constructor(hooks: Hooks, calls: Calls, deadlineMs: number, dropped: Tally) {
    this.hooks = hooks;
    this.calls = calls;
    this.deadlineMs = deadlineMs;
    this.dropped = dropped;
  }

  /** @param key what is told in order: the id of a connection */
  tell(key: string, name: HookName, work: () => MaybePromise<void>): void {
    if (this.waiting >= MAX_WAITING) return this.dropped.add(this.calls.app);
    this.waiting += 1;
    const step: Step = (done) => this.calls.run({ part: 'hook', name, deadlineMs: this.deadlineMs }, work, done);
    const queue = this.queues.get(key);
    if (queue !== undefined) return void queue.push(step);
    this.queues.set(key, [step]);
    this.drain(key);
  }

  ask(facts: ConnectingFacts, timeoutMs: number): Promise<Welcome | Refusal> {
    const { connecting } = this.hooks;
    const called = { part: 'connecting', name: 'connecting', deadlineMs: timeoutMs } as const;
    return this.calls
      .ask(called, () => connecting?.(facts))
      .then((answer) => {
        if (answer === undefined) return { subscribe: [] };
        if (typeof answer === 'object' && answer !== null) {
          if (isRefusal(answer)) return refusalOf(answer, this.calls.app);
          if (Array.isArray(answer.subscribe) && answer.subscribe.every((name) => typeof name === 'string'))
            return answer;
        }
        this.calls.failed(
          called,
          new TypeError(`expected nothing, {subscribe: [names]} or a refusal, got ${quote(textOf(answer))}`),
        );
        return unavailable(this.calls.app);
      });
  }

  /** Resolves when everything that was told has been taken. */
  settled(): Promise<void> {
    if (this.queues.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  /** One after the other; a loop and not a recursion, because hooks that do not wait end at once. */
  private drain(key: string): void {
    const queue = this.queues.get(key) ?? [];
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      this.waiting -= 1;
      let isDone = false;
      let isLater = false;
      step(() => {
        isDone = true;
        if (isLater) this.drain(key);
      });
      isLater = true;
      if (!isDone) return;
    }
    this.queues.delete(key);
    if (this.queues.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }
}

export interface HookPorts {
  readonly scheduler: Scheduler;
  readonly deadlineMs: number;
  readonly decisionTimeoutMs: number;
  readonly dropped: Tally;
}

/** The hooks of all applications of a node. */
export class HookEvents implements ConnectionEvents {
  private readonly listeners: Listener[] = [];
  private readonly ports: HookPorts;
  private pending: (() => void)[] = [];

  constructor(ports: HookPorts) {
    this.ports = ports;
  }

  add(hooks: Hooks, calls: Calls): void {
    this.listeners.push(new Listener(hooks, calls, this.ports.deadlineMs, this.ports.dropped));
  }

  get connecting(): ConnectionEvents['connecting'] {
    const asked = this.listeners.filter(({ hooks }) => hooks.connecting !== undefined);
    if (asked.length === 0) return null;
    return (facts, reply) => {
      void Promise.all(asked.map((listener) => listener.ask(facts, this.ports.decisionTimeoutMs))).then((answers) => {
        const refused = answers.find((answer) => isRefusal(answer));
        reply(refused ?? { subscribe: (answers as Welcome[]).flatMap(({ subscribe }) => subscribe) });
      });
    };
  }

  connected(facts: ConnectionFacts): void {
    this.tell('connected', facts, (hooks) => hooks.connected?.(facts));
  }

  subscribed(facts: ConnectionFacts, topic: string): void {
    this.tell('subscribed', facts, (hooks) => hooks.subscribed?.(facts, topic));
  }

  unsubscribed(facts: ConnectionFacts, topic: string): void {
    this.tell('unsubscribed', facts, (hooks) => hooks.unsubscribed?.(facts, topic));
  }

  disconnected(facts: ConnectionFacts, code: number): void {
    this.tell('disconnected', facts, (hooks) => hooks.disconnected?.(facts, code));
  }

  published(principal: Principal, topic: string, published: Published, draft: Draft): void {
    const key = `${principal.tenant}/${topic}`;
    this.later('published', key, (hooks) => hooks.published?.(principal, topic, published, draft));
  }

  /** Resolves when every hook has taken what it was told. */
  async settled(): Promise<void> {
    if (this.pending.length > 0) await new Promise<void>((resolve) => this.ports.scheduler.endOfTurn(resolve));
    await Promise.all(this.listeners.map((listener) => listener.settled()));
  }

  private tell(name: HookName, { id }: ConnectionFacts, work: (hooks: Hooks) => MaybePromise<void>): void {
    this.later(name, id, work);
  }

  private later(name: HookName, key: string, work: (hooks: Hooks) => MaybePromise<void>): void {
    const listeners = this.listeners.filter(({ hooks }) => hooks[name] !== undefined);
    for (const listener of listeners)
      if (listener.hooks.atOnce === true) listener.tell(key, name, () => work(listener.hooks));
    const others = listeners.filter(({ hooks }) => hooks.atOnce !== true);
    if (others.length === 0) return;
    if (this.pending.length === 0) this.ports.scheduler.endOfTurn(() => this.run());
    this.pending.push(() => {
      for (const listener of others) listener.tell(key, name, () => work(listener.hooks));
    });
  }

  private run(): void {
    for (const step of this.pending.splice(0)) step();
  }
}

/** A fault or a lost answer is no decision on this client. */
function refusalOf(answer: Refusal, app: string): Refusal {
  const isDecision =
    Object.hasOwn(ERRORS, answer.reason) && answer.reason !== 'application_timeout' && answer.reason !== 'quarantined';
  return isDecision ? answer : unavailable(app);
}

function unavailable(app: string): Refusal {
  return refusal('rights_unavailable', `expected ${app} to say in time whether this client may connect`, 1_000);
}

/** Something that is no answer may be anything, even something that JSON cannot say. */
function textOf(answer: unknown): string {
  try {
    return JSON.stringify(answer) ?? String(answer);
  } catch {
    return String(answer);
  }
}
