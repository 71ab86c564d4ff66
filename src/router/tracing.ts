/** The message trace's switch: which topics are traced, until when; and where a traced message is found. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import { matches, type Topic } from '../protocol/topic.ts';
import { MAX_TRACED, tracePattern } from '../protocol/trace-pattern.ts';
import type { Clock } from '../telemetry/clock.ts';
import { MessageTrace, type TracedMessage, type TraceLimits } from '../telemetry/message-trace.ts';
import type { RoutedTopic } from './routed-topic.ts';
import { TopicTrace, type Content, type PublishTimes } from './topic-trace.ts';

export const TRACE_LIMITS: TraceLimits = { messages: 1_000, recipients: 100 };

export interface TracePattern {
  /** As the node matches it: with its tenant. */
  readonly pattern: string;
  /** In milliseconds since 1970. */
  readonly since: number;
  /** In milliseconds since 1970; `null`: until it is switched off. */
  readonly until: number | null;
}

export class Tracing {
  /** Whether anything is traced: what the way of a publication looks at. */
  isOn = false;
  private readonly patterns = new Map<string, TracePattern>();
  private readonly byTopic = new Map<Topic, TopicTrace>();
  private readonly ring: MessageTrace;
  /** When the frames came that are not answered yet. */
  private readonly arrivals = new WeakMap<object, number>();
  private readonly clock: Clock;
  private readonly openTopics: () => Iterable<RoutedTopic>;

  constructor(limits: TraceLimits, clock: Clock, openTopics: () => Iterable<RoutedTopic>) {
    this.clock = clock;
    this.openTopics = openTopics;
    this.ring = new MessageTrace(limits, (message) => this.evicted(message));
  }

  /** Messages kept, and at most how many; recipients listed of each. */
  get usage(): TraceLimits & { readonly kept: number } {
    return { kept: this.ring.size, ...this.ring.limits };
  }

  /**
   * Traces messages that are published from now on. Again for the same pattern sets another end.
   * @param text `chat.lobby`, `chat.**`, `tenant/chat.**` or `@user:alice`
   * @param until in milliseconds since 1970, `null` for no end
   * @returns why not, or `null`
   */
  enable(text: string, until: number | null): Refusal | null {
    const pattern = tracePattern(text);
    if (typeof pattern !== 'string') return pattern;
    const known = this.patterns.get(pattern);
    if (known === undefined && this.patterns.size >= MAX_TRACED) return this.problem(text);
    this.patterns.set(pattern, { pattern, since: known?.since ?? this.clock.now(), until });
    this.isOn = true;
    for (const topic of this.openTopics()) {
      if (topic.trace === null && matches(pattern, topic.name)) this.attach(topic);
    }
    return null;
  }

  /** Why {@link enable} would refuse, or `null`. */
  problem(text: string): Refusal | null {
    const pattern = tracePattern(text);
    if (typeof pattern !== 'string') return pattern;
    if (this.patterns.has(pattern) || this.patterns.size < MAX_TRACED) return null;
    return refusal('topic_limit', `expected at most ${MAX_TRACED} traced patterns: switch one off first`);
  }

  /** Whether this very pattern is traced. */
  has(text: string): boolean {
    const pattern = tracePattern(text);
    return typeof pattern === 'string' && this.patterns.has(pattern);
  }

  /** Messages that were traced stay, to be looked at. @returns whether the pattern was traced */
  disable(text: string): boolean {
    const pattern = tracePattern(text);
    if (typeof pattern !== 'string' || !this.patterns.delete(pattern)) return false;
    this.isOn = this.patterns.size > 0;
    for (const name of this.byTopic.keys()) if (!this.isTraced(name)) this.byTopic.delete(name);
    for (const message of this.ring.messages()) {
      if (!this.byTopic.has(message.topic)) message.tracedUntil ??= this.clock.now();
    }
    for (const topic of this.openTopics()) {
      if (topic.trace !== null && !this.byTopic.has(topic.name)) topic.trace = null;
    }
    return true;
  }

  list(): readonly TracePattern[] {
    return [...this.patterns.values()];
  }

  find(id: string): TracedMessage | undefined {
    return this.ring.find(id);
  }

  /** A stage of an application (message-trace.ts). */
  reached(id: string, stage: `${string}.${string}`, at: number): boolean {
    return this.ring.reached(id, stage, at);
  }

  /** What is kept, oldest first. */
  messages(): Iterable<TracedMessage> {
    return this.ring.messages();
  }

  isTraced(topic: Topic): boolean {
    for (const pattern of this.patterns.keys()) if (matches(pattern, topic)) return true;
    return false;
  }

  /** The trace of a topic, if there is one. */
  of(topic: Topic): TopicTrace | null {
    return this.byTopic.get(topic) ?? null;
  }

  /** A publisher's frame has come. To be called while {@link isOn}. */
  arrived(frame: object): void {
    this.arrivals.set(frame, this.clock.now());
  }

  /** A publisher's frame has been checked and goes to the log. To be called while {@link isOn}. */
  validated(frame: object): PublishTimes {
    const now = this.clock.now();
    return { received: this.arrivals.get(frame) ?? now, validated: now };
  }

  /**
   * The log has taken a message from a publisher of this node: over a socket or the publish API.
   * @param topic as the node names it
   * @param content its publisher's user id, id and payload
   */
  stored(
    topic: Topic,
    {
      id,
      position,
      duplicate,
    }: { readonly id: string; readonly position: Position | null; readonly duplicate: boolean },
    content: Content,
    times: PublishTimes,
  ): void {
    if (position === null || duplicate) return;
    const trace = this.byTopic.get(topic) ?? (this.isTraced(topic) ? this.create(topic) : null);
    trace?.stored(id, position, content, times);
    if (trace !== null) this.forgetIfUnused(trace);
  }

  /** Switches off what has reached its end. Call it about once a second. */
  expire(): void {
    if (!this.isOn) return;
    const now = this.clock.now();
    for (const { pattern, until } of this.list()) if (until !== null && until <= now) this.disable(pattern);
  }

  // For the router

  opened(topic: RoutedTopic): void {
    if (this.isOn && this.isTraced(topic.name)) this.attach(topic);
  }

  closed(topic: RoutedTopic): void {
    const { trace } = topic;
    if (trace === null) return;
    topic.trace = null;
    trace.isOpen = false;
    this.forgetIfUnused(trace);
  }

  private attach(topic: RoutedTopic): void {
    const trace = this.byTopic.get(topic.name) ?? this.create(topic.name);
    trace.isOpen = true;
    topic.trace = trace;
    if (topic.isReady) trace.startAt(topic.epoch);
  }

  private create(topic: Topic): TopicTrace {
    const since = this.list().flatMap((traced) => (matches(traced.pattern, topic) ? [traced.since] : []));
    const trace = new TopicTrace(topic, Math.min(...since), this.ring, this.clock);
    this.byTopic.set(topic, trace);
    return trace;
  }

  private evicted(message: TracedMessage): void {
    const trace = this.byTopic.get(message.topic);
    if (trace === undefined) return;
    trace.forget(message);
    this.forgetIfUnused(trace);
  }

  private forgetIfUnused({ topic, isEmpty, isOpen }: TopicTrace): void {
    if (isEmpty && !isOpen) this.byTopic.delete(topic);
  }
}
