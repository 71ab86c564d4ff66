/** Presence in the memory of a node that is alone. */
import type { Reply } from '../broker/broker.ts';
import type { Position } from '../protocol/position.ts';
import { isAppTopic, type Topic } from '../protocol/topic.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import {
  REMOVED_AT_ONCE,
  type Applied,
  type CountMode,
  type LeaveReason,
  type MembersPage,
  type MembersRequest,
  type Overview,
  type PresenceBatch,
  type PresenceStore,
  type Removed,
  type Touched,
} from './presence-store.ts';
import { TopicMembers } from './topic-members.ts';

/** The logs of presence, which answer at once. */
export interface PresenceLogs {
  append(topic: Topic, payload: string): Position | Refusal;
  position(topic: Topic): Position;
}

export class MemoryPresenceStore implements PresenceStore {
  private readonly topics = new Map<Topic, TopicMembers>();
  private readonly byOwner = new Map<string, Set<Topic>>();
  private readonly ended = new Set<string>();
  private readonly mode: CountMode;
  private readonly logs: PresenceLogs;
  private readonly clock: Clock;

  constructor(mode: CountMode, logs: PresenceLogs, clock: Clock) {
    this.mode = mode;
    this.logs = logs;
    this.clock = clock;
  }

  apply({ topic, owner, changes }: PresenceBatch, reply: Reply<Applied | 'gone'>): void {
    if (this.ended.has(owner)) return reply('gone');
    const topics = this.byOwner.get(owner) ?? new Set();
    this.byOwner.set(owner, topics);
    topics.add(topic);
    const { count, touched } = this.change(topic, owner, changes);
    reply({ count, position: this.logs.position(topic), ...(isAppTopic(topic) && { touched }) });
  }

  members(topic: Topic, request: MembersRequest, reply: Reply<MembersPage>): void {
    const position = this.logs.position(topic);
    const members = this.topics.get(topic);
    reply({ count: members?.count ?? 0, position, ...(members?.page(request) ?? { members: [], next: null }) });
  }

  counts(topics: readonly Topic[], reply: Reply<readonly number[]>): void {
    reply(topics.map((topic) => this.topics.get(topic)?.count ?? 0));
  }

  look(reply: Reply<Overview>): void {
    const owners = [...this.byOwner.keys()];
    reply({ era: '', owners: owners.map((owner) => ({ owner, isLive: true, isEnding: this.ended.has(owner) })) });
  }

  end(owner: string, reply: Reply<boolean>): void {
    this.ended.add(owner);
    reply(true);
  }

  topicsOf(owner: string, limit: number, reply: Reply<readonly Topic[]>): void {
    reply([...(this.byOwner.get(owner) ?? [])].slice(0, limit));
  }

  remove(owner: string, topic: Topic, reason: LeaveReason, reply: Reply<Removed>): void {
    this.ended.add(owner);
    const all = this.topics.get(topic)?.entriesOf(owner) ?? [];
    const some = all.slice(0, REMOVED_AT_ONCE);
    const isMore = some.length < all.length;
    const leaves = some.map((entry) => ({ op: 'leave', entry, reason }) as const);
    const { touched } = this.change(topic, owner, leaves, isMore);
    if (!isMore) this.byOwner.get(owner)?.delete(topic);
    reply({ removed: some.length, isMore, ...(isAppTopic(topic) && { touched }) });
  }

  forget(owner: string): void {
    this.byOwner.delete(owner);
  }

  private change(
    topic: Topic,
    owner: string,
    changes: PresenceBatch['changes'],
    isPart = false,
  ): { readonly count: number; readonly touched: readonly Touched[] } {
    const members = this.topics.get(topic) ?? new TopicMembers(this.mode);
    this.topics.set(topic, members);
    const append = (payload: string): number => {
      const position = this.logs.append(topic, payload);
      return 'sequence' in position ? position.sequence : 0;
    };
    const touched = members.apply(owner, changes, this.clock.now(), append, isPart);
    if (members.entriesOf(owner).length === 0) this.byOwner.get(owner)?.delete(topic);
    if (members.count === 0) this.topics.delete(topic);
    return { count: members.count, touched };
  }
}
