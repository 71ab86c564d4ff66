/** The truth: what the log has taken, and under which number. Everything that clients receive is held against it. */
import type { Position, Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import { promise } from './violation.ts';

/** A message that the log has taken, or an ephemeral one. */
export type Stored = Pick<Publication, 'topic' | 'position' | 'payload'>;

interface Receipts {
  inOrder: number;
  asked: number;
}

export class Ledger {
  /** A message that is sent again is another one under another epoch. */
  isPerEpoch = false;
  /** `topic epoch sequence` → payload. */
  private readonly byPlace = new Map<string, string>();
  /** Payload (each is published once) → place. */
  private readonly byPayload = new Map<string, string>();
  /** `topic sequence payload` → connection → how often it arrived there, under whichever epoch. */
  private readonly arrived = new Map<string, Map<string, Receipts>>();
  /** `connection topic from to` of every `Gap` that arrived. */
  private readonly told = new Set<string>();
  /** The place of what the log took last, per topic. */
  private readonly latest = new Map<Topic, Position>();
  /** In which order the log took the messages, by payload. */
  private readonly order = new Map<string, number>();
  /** Ephemeral publications per topic, in order of publication. */
  private readonly ephemeral = new Map<Topic, string[]>();

  record({ topic, position, payload }: Stored): void {
    if (position === null) {
      const list = this.ephemeral.get(topic);
      if (list === undefined) this.ephemeral.set(topic, [payload]);
      else list.push(payload);
      return;
    }
    const place = `${topic} ${position.epoch} ${position.sequence}`;
    const other = this.byPlace.get(place);
    promise(
      other === undefined || other === payload,
      'one message per sequence',
      () => `${place} holds ${other} and ${payload}`,
    );
    const earlier = this.byPayload.get(payload);
    promise(
      earlier === undefined ||
        earlier === place ||
        (this.isPerEpoch && !earlier.startsWith(`${topic} ${position.epoch} `)),
      'one sequence per message',
      () => `${payload} is at ${earlier} and at ${place}`,
    );
    this.byPlace.set(place, payload);
    this.byPayload.set(payload, place);
    if (earlier === undefined && !this.isBehind(topic, position)) this.latest.set(topic, position);
    if (!this.order.has(payload)) this.order.set(payload, this.order.size);
  }

  /** An owner puts back what a log has lost, under the numbers that it had: the topic stands where it stood. */
  private isBehind(topic: Topic, { epoch, sequence }: Position): boolean {
    const last = this.latest.get(topic);
    return last !== undefined && last.epoch === epoch && last.sequence > sequence;
  }

  /** How many messages the log has taken. */
  get size(): number {
    return this.order.size;
  }

  /** The place of a message in the order in which the log took them all. */
  orderOf(payload: string): number | undefined {
    return this.order.get(payload);
  }

  /** Where a topic's log stands while nothing is lost: what the log took last. */
  latestOf(topic: Topic): Position | undefined {
    return this.latest.get(topic);
  }

  /** The same message has its place under another epoch too. */
  rename(topic: Topic, { epoch, sequence }: Position, payload: string): void {
    const place = `${topic} ${epoch} ${sequence}`;
    const other = this.byPlace.get(place);
    promise(
      other === undefined || other === payload,
      'one message per sequence',
      () => `${place} holds ${other} and ${payload}`,
    );
    this.byPlace.set(place, payload);
    this.byPayload.set(payload, place);
  }

  /** The log has lost the message: sent again, it gets another place. */
  lose(payload: string): void {
    this.byPayload.delete(payload);
  }

  /**
   * A client that goes on under another epoch without being told of a loss must have had the same message there.
   * @throws Violation when it was another one
   */
  checkContinuity(topic: Topic, last: Position, epoch: string): void {
    const before = this.byPlace.get(`${topic} ${last.epoch} ${last.sequence}`);
    const after = this.byPlace.get(`${topic} ${epoch} ${last.sequence}`);
    promise(
      before === undefined || after === undefined || before === after,
      'every loss is announced',
      () => `${topic} ${last.sequence} was ${before} under ${last.epoch} and is ${after} under ${epoch}`,
    );
  }

  /** @throws Violation when nobody published this at this place */
  check(topic: Topic, epoch: string, sequence: number, payload: string): void {
    const truth = this.byPlace.get(`${topic} ${epoch} ${sequence}`);
    promise(
      truth === payload,
      'what was published is what arrives',
      () => `${topic} ${epoch} ${sequence} is ${truth}, a client got ${payload}`,
    );
  }

  has(topic: Topic, epoch: string, sequence: number): boolean {
    return this.byPlace.has(`${topic} ${epoch} ${sequence}`);
  }

  /** A client has received a message. @param asked as an answer, outside the order of delivery */
  received(connection: string, topic: Topic, epoch: string, sequence: number, asked: boolean): void {
    const message = this.messageAt(topic, epoch, sequence);
    const at = this.arrived.get(message) ?? new Map<string, Receipts>();
    const receipts = at.get(connection) ?? { inOrder: 0, asked: 0 };
    receipts[asked ? 'asked' : 'inOrder'] += 1;
    this.arrived.set(message, at.set(connection, receipts));
  }

  receipts(topic: Topic, epoch: string, sequence: number): ReadonlyMap<string, Readonly<Receipts>> {
    return this.arrived.get(this.messageAt(topic, epoch, sequence)) ?? new Map();
  }

  /** A message stays the same where a stream goes on under another epoch. */
  private messageAt(topic: Topic, epoch: string, sequence: number): string {
    return `${topic} ${sequence} ${this.byPlace.get(`${topic} ${epoch} ${sequence}`) ?? ''}`;
  }

  /** A client was told that messages are missing. */
  announced(connection: string, topic: Topic, from: number, to: number): void {
    this.told.add(`${connection} ${topic} ${from} ${to}`);
  }

  wasTold(connection: string, topic: Topic, from: number, to: number): boolean {
    return this.told.has(`${connection} ${topic} ${from} ${to}`);
  }

  /** Everything that was published on an ephemeral topic, in order. */
  ephemeralOf(topic: Topic): readonly string[] {
    return this.ephemeral.get(topic) ?? [];
  }

  /** Place of an ephemeral publication in the order of its topic. */
  ephemeralIndex(topic: Topic, payload: string): number {
    const index = this.ephemeral.get(topic)?.indexOf(payload) ?? -1;
    promise(
      index >= 0,
      'what was published is what arrives',
      () => `${topic}: a client got ${payload}, which nobody published`,
    );
    return index;
  }
}
