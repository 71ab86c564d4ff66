/** Members of the test server's topics: told as `@presence.<topic>`, read by `PresenceGet`, as docs/presence.md says. */
import type { Position } from '../../protocol/position.ts';
import type { VirtualClock } from './virtual-clock.ts';

interface TestMember {
  data: object;
  /** Of clients of the test. */
  readonly connections: Set<string>;
  readonly since: number;
  sequence: number;
}

/** A user whose connections are lost is gone after it. */
const GRACE_MS = 15_000;
const ME = 'me';

export class TestPresence {
  /** From so many members on only their number is told. */
  threshold = 200;
  private readonly clock: VirtualClock;
  private readonly tell: (topic: string, payload: object) => Position;
  private readonly head: (topic: string) => Position;
  private readonly topics = new Map<string, Map<string, TestMember>>();

  constructor(
    clock: VirtualClock,
    head: (topic: string) => Position,
    tell: (topic: string, payload: object) => Position,
  ) {
    this.clock = clock;
    this.head = head;
    this.tell = tell;
  }

  /** Names of who is there. */
  members(topic: string): string[] {
    return [...this.of(topic).keys()];
  }

  /** Somebody else enters, or changes what is seen. */
  enter(topic: string, user: string, data: object = {}): void {
    this.change(topic, user, data, undefined);
  }

  /** Somebody else leaves. */
  leave(topic: string, user: string, reason = 'left'): void {
    if (!this.of(topic).delete(user)) return;
    this.told(topic, { op: 'leave', user, reason }, { left: 1 });
  }

  // From the connections

  closed(connection: string): void {
    for (const [topic, members] of this.topics) {
      const me = members.get(ME);
      if (me?.connections.delete(connection) !== true || me.connections.size > 0) continue;
      this.clock.after(GRACE_MS, () => {
        if (members.get(ME) === me && me.connections.size === 0) this.leave(topic, ME, 'expired');
      });
    }
  }

  /** @returns the details of the answer; `null` for an update of nothing */
  answer(type: string, connection: string, frame: Readonly<Record<string, unknown>>): object | null {
    const {
      topic = '',
      action,
      data = {},
      topics,
    } = frame as {
      readonly topic?: string;
      readonly action?: string;
      readonly data?: object;
      readonly topics?: readonly string[];
    };
    if (type === 'Presence') return this.changed(topic, connection, action ?? '', data);
    if (topics !== undefined)
      return { counts: Object.fromEntries(topics.map((name) => [name, this.of(name).size])), rejected: [] };
    return this.page(topic, Number(frame['limit'] ?? 100), Number(frame['after'] ?? 0));
  }

  private changed(topic: string, connection: string, action: string, data: object): object | null {
    const me = this.of(topic).get(ME);
    if (action === 'update' && me === undefined) return null;
    if (action !== 'leave') this.change(topic, ME, data, connection);
    else if (me?.connections.delete(connection) === true && me.connections.size === 0) this.leave(topic, ME);
    return { topic, action, user: ME, count: this.of(topic).size };
  }

  private change(topic: string, user: string, data: object, connection: string | undefined): void {
    const members = this.of(topic);
    const known = members.get(user);
    const member = known ?? { data, connections: new Set(), since: this.clock.now, sequence: 0 };
    members.set(user, member);
    if (connection !== undefined) member.connections.add(connection);
    if (known !== undefined && JSON.stringify(known.data) === JSON.stringify(data)) return;
    member.data = data;
    const op = known === undefined ? 'enter' : 'update';
    if (op === 'update' && members.size >= this.threshold) return;
    member.sequence = this.told(topic, { op, user, data }, { entered: 1 });
  }

  private told(topic: string, change: object, numbers: object): number {
    const count = this.of(topic).size;
    const payload = count >= this.threshold ? { count, ...numbers } : { changes: [change], count };
    return this.tell(`@presence.${topic}`, payload).sequence;
  }

  private page(topic: string, limit: number, after: number): object {
    const all = [...this.of(topic)];
    const page = all.slice(after, after + limit);
    return {
      topic,
      count: all.length,
      position: this.head(`@presence.${topic}`),
      members: page.map(([user, { data, connections, since, sequence }]) => ({
        user,
        data,
        connections: connections.size,
        since,
        sequence,
      })),
      ...(after + limit < all.length && { next: String(after + limit) }),
    };
  }

  private of(topic: string): Map<string, TestMember> {
    const members = this.topics.get(topic) ?? new Map<string, TestMember>();
    this.topics.set(topic, members);
    return members;
  }
}
