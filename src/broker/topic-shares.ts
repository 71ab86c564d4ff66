/**
 * Whose topics a node's are: the bound that all share has one beside it for each tenant and each user, and what makes
 * room is the hoarder's own, oldest and unused first. A topic is of the user who made it, by publishing or subscribing.
 */
import { Ranking } from '../actor/ranking.ts';
import { tenantOf } from '../protocol/topic.ts';
import type { MemoryTopic } from './memory-topic.ts';
import type { BoundNames, TopicBounds } from './topic-bounds.ts';

interface Tenant {
  readonly users: Ranking;
  /** Topics by user, in the order in which they were made or last looked at. */
  readonly topics: Map<string, Set<MemoryTopic>>;
}

/** Topics of a hoarder that are looked at to find one that nobody uses. */
const LOOKED_AT = 64;

export class TopicShares {
  size = 0;
  /** Topics that went to make room. */
  evicted = 0;
  private readonly ranking = new Ranking();
  private readonly tenants = new Map<string, Tenant>();
  private readonly bounds: TopicBounds;
  private readonly names: BoundNames;
  private readonly isUnused: (topic: MemoryTopic) => boolean;
  private readonly forget: (topic: MemoryTopic) => void;

  /**
   * @param isUnused nobody listens to it, and nobody but its owner has published what it holds
   * @param forget takes it out of the broker; it comes back through {@link remove}
   */
  constructor(
    bounds: TopicBounds,
    names: BoundNames,
    isUnused: (topic: MemoryTopic) => boolean,
    forget: (topic: MemoryTopic) => void,
  ) {
    this.bounds = bounds;
    this.names = names;
    this.isUnused = isUnused;
    this.forget = forget;
  }

  add(topic: MemoryTopic): void {
    const tenant = this.tenantOf(topic);
    const theirs = tenant.topics.get(topic.owner);
    if (theirs === undefined) tenant.topics.set(topic.owner, new Set([topic]));
    else theirs.add(topic);
    tenant.users.add(topic.owner);
    this.ranking.add(tenantOf(topic.name));
    this.size += 1;
  }

  remove(topic: MemoryTopic): void {
    const name = tenantOf(topic.name);
    const tenant = this.tenants.get(name);
    const theirs = tenant?.topics.get(topic.owner);
    if (tenant === undefined || theirs?.delete(topic) !== true) return;
    if (theirs.size === 0) tenant.topics.delete(topic.owner);
    tenant.users.remove(topic.owner);
    if (tenant.topics.size === 0) this.tenants.delete(name);
    this.ranking.remove(name);
    this.size -= 1;
  }

  /** Makes room for one more topic of a user. Returns the key of the configuration whose bound leaves none, or `null`. */
  makeRoom(tenant: string, user: string): { readonly key: string; readonly bound: number } | null {
    const { total, perTenant, perUser } = this.bounds;
    const users = this.tenants.get(tenant)?.users;
    if ((users?.count(user) ?? 0) >= perUser && !this.evict(tenant, user))
      return { key: this.names.perUser, bound: perUser };
    // Those without a tenant are all users of most services: their bound is the one that all share.
    if (tenant !== '' && this.ranking.count(tenant) >= perTenant && !this.evictIn(tenant, user))
      return { key: this.names.perTenant, bound: perTenant };
    if (this.size >= total && !this.evictAnywhere(tenant, user)) return { key: this.names.total, bound: total };
    return null;
  }

  private evictAnywhere(tenant: string, user: string): boolean {
    const largest = this.ranking.first() ?? tenant;
    // A tenant that has more than the one that asks gives way to it; between equals everybody keeps what they have.
    const isHoarder = this.ranking.count(largest) > this.ranking.count(tenant);
    return (isHoarder && this.evictIn(largest, null)) || this.evictIn(tenant, user);
  }

  /** @param user who asks, whose own go when nobody has more; `null` when the one that asks is of another tenant */
  private evictIn(tenant: string, user: string | null): boolean {
    const users = this.tenants.get(tenant)?.users;
    const largest = users?.first() ?? null;
    if (users === undefined || largest === null) return false;
    const isHoarder = user === null || users.count(largest) > users.count(user) + 1;
    if (isHoarder && this.evict(tenant, largest)) return true;
    return user !== null && this.evict(tenant, user);
  }

  /** Forgets the topic of a user that was used longest ago, of those that nobody uses. */
  private evict(tenant: string, user: string): boolean {
    const theirs = this.tenants.get(tenant)?.topics.get(user);
    // An owner of only one is no hoarder.
    if (theirs === undefined || theirs.size < 2) return false;
    let oldest: MemoryTopic | null = null;
    const looked = [...firstOf(theirs, LOOKED_AT)];
    for (const topic of looked) {
      if (this.isUnused(topic)) {
        if (oldest === null || topic.usedAt < oldest.usedAt) oldest = topic;
        continue;
      }
      // To the end, so that the next look is at others.
      theirs.delete(topic);
      theirs.add(topic);
    }
    if (oldest === null) return false;
    this.evicted += 1;
    this.forget(oldest);
    return true;
  }

  private tenantOf({ name }: MemoryTopic): Tenant {
    const tenant = tenantOf(name);
    const known = this.tenants.get(tenant);
    if (known !== undefined) return known;
    const made: Tenant = { users: new Ranking(), topics: new Map() };
    this.tenants.set(tenant, made);
    return made;
  }
}

function* firstOf<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left === 0) return;
    left -= 1;
    yield item;
  }
}
