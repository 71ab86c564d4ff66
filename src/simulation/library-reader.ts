/** A reader of the client library that holds what it is given against the contract of docs/client.md, and against the log. */
import type { Item, Message } from '../client/items.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Ledger } from './ledger.ts';
import { promise } from './violation.ts';

/** A handler that takes its time; without microtasks, so that a step is over when it returns. */
export interface Slow {
  then(done: () => void): void;
}

export class LibraryReader {
  readonly topic: string;
  /** Where it stands; `null` before the first item that says so. */
  last: Position | null = null;
  isSlow = false;
  /** The connection moves: what is not numbered may come over both. */
  hasMoved = false;
  stop: () => void = () => {};
  /** Where the client says that this topic was handled. */
  private readonly committed: () => Position | undefined;
  private readonly name: string;
  private readonly nodeTopic: Topic;
  private readonly ledger: Ledger;
  private release: (() => void) | null = null;
  private ephemeralAt = -1;

  constructor(name: string, topic: string, nodeTopic: Topic, ledger: Ledger, committed: () => Position | undefined) {
    this.name = `${name} (${topic})`;
    this.topic = topic;
    this.nodeTopic = nodeTopic;
    this.ledger = ledger;
    this.committed = committed;
  }

  /** @throws Violation */
  take(item: Item): Slow | undefined {
    if (item.kind === 'message') this.message(item);
    else if (item.kind === 'gap') this.gap(item.from, item.to, item.position);
    else if (item.position !== undefined) {
      this.last ??= item.position;
      this.expect(item.position.sequence === this.last.sequence, 'live means at the head', item);
    }
    // Messages that are not handled yet are not committed.
    if (!this.isSlow) return undefined;
    return {
      // oxlint-disable-next-line unicorn/no-thenable -- A promise would settle after the step.
      then: (done) => {
        this.release = done;
      },
    };
  }

  /** The slow handler is done. */
  finish(): void {
    const { release } = this;
    this.release = null;
    release?.();
  }

  private message(message: Message): void {
    const { sequence, epoch } = message;
    const payload = JSON.stringify(message.payload);
    if (epoch === '') {
      const at = this.ledger.ephemeralIndex(this.nodeTopic, payload);
      this.expect(this.hasMoved || at >= this.ephemeralAt, 'ephemeral order', message);
      this.ephemeralAt = at;
      return;
    }
    this.ledger.check(this.nodeTopic, epoch, sequence, payload);
    const at = this.committed();
    this.expect(
      at === undefined || at.epoch !== epoch || at.sequence < sequence,
      'a position is committed when it was handled',
      message,
    );
    const { last } = this;
    if (last !== null) {
      this.expect(sequence > last.sequence, 'nothing comes twice', message);
      this.expect(sequence === last.sequence + 1, 'every hole is named', message);
      if (epoch !== last.epoch) this.ledger.checkContinuity(this.nodeTopic, last, epoch);
    }
    this.last = { epoch, sequence };
  }

  private gap(from: number | undefined, to: number | undefined, position: Position | undefined): void {
    if (position === undefined) return;
    if (from !== undefined && to !== undefined && this.last !== null)
      this.expect(from === this.last.sequence + 1 && to >= from, 'gaps are exact', { from, to });
    this.last = position;
  }

  private expect(holds: boolean, name: string, item: object): void {
    promise(holds, name, () => `${this.name} at ${JSON.stringify(this.last)} was given ${JSON.stringify(item)}`);
  }
}
