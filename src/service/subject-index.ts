/**
 * What decisions are about, by user and by topic: a change of rights finds those that it may end without looking at all
 * the others, which an application's change of one membership among hundreds a second could not afford.
 */
import { PatternIndex } from '../protocol/pattern-index.ts';
import { joinParts, joinPartsToKeep } from '../protocol/parts.ts';
import { qualify } from '../protocol/topic.ts';
import { affects, namedTopic, type RightsChange } from './rights-change.ts';

/** Enough to know which changes of rights concern it. */
export interface Subject {
  readonly user: string;
  readonly tenant: string;
  /** A topic or a pattern, as clients of the tenant name it. */
  readonly name: string;
}

/** One, as most have, or several: a set for each would be most of the memory. */
type Some<T extends Subject> = T | Set<T>;

export class SubjectIndex<T extends Subject> {
  private readonly byUser = new Map<string, Some<T>>();
  private readonly byName = new PatternIndex<Some<T>>();

  add(subject: T): void {
    const { tenant, user, name } = subject;
    put(this.byUser, joinPartsToKeep(tenant, user), subject);
    put(this.byName, qualify(tenant, name), subject);
  }

  delete(subject: T): void {
    const { tenant, user, name } = subject;
    take(this.byUser, joinPartsToKeep(tenant, user), subject);
    take(this.byName, qualify(tenant, name), subject);
  }

  /** Those that a change concerns, in a list of their own. */
  affectedBy(change: RightsChange): T[] {
    const found: T[] = [];
    const look = (some: Some<T>): void => {
      for (const subject of some instanceof Set ? some : [some]) if (affects(change, subject)) found.push(subject);
    };
    if (change.user !== undefined) {
      const theirs = this.byUser.get(joinParts(change.tenant, change.user));
      if (theirs !== undefined) look(theirs);
      return found;
    }
    const topic = namedTopic(change);
    if (topic !== undefined) this.byName.overlapping(qualify(change.tenant, topic), look);
    else for (const some of this.byUser.values()) look(some);
    return found;
  }
}

interface Index<T extends Subject> {
  get(key: string): Some<T> | undefined;
  set(key: string, some: Some<T>): unknown;
  delete(key: string): unknown;
}

function put<T extends Subject>(index: Index<T>, key: string, subject: T): void {
  const known = index.get(key);
  if (known === undefined) index.set(key, subject);
  else if (known instanceof Set) known.add(subject);
  else index.set(key, new Set([known, subject]));
}

function take<T extends Subject>(index: Index<T>, key: string, subject: T): void {
  const known = index.get(key);
  if (known instanceof Set) known.delete(subject);
  if (known === subject || (known instanceof Set && known.size === 0)) index.delete(key);
}
