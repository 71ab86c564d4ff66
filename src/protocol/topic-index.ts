/**
 * Topics by the segments of their names, so that a pattern looks at what could match it and not at every topic of the
 * node. Every look is counted: the client that causes it is charged for it.
 */
import { segmentEnd, type Topic } from './topic.ts';

class Branch<T> {
  value: T | undefined = undefined;
  children: Map<string, Branch<T>> | null = null;
}

/** @returns whether to go on */
type Found<T> = (value: T) => boolean;

export class TopicIndex<T> {
  private readonly root = new Branch<T>();

  set(name: Topic, value: T): void {
    let branch = this.root;
    for (let at = 0; at <= name.length;) {
      const end = segmentEnd(name, at);
      const segment = name.slice(at, end);
      branch.children ??= new Map<string, Branch<T>>();
      let child = branch.children.get(segment);
      if (child === undefined) branch.children.set(segment, (child = new Branch<T>()));
      branch = child;
      at = end + 1;
    }
    branch.value = value;
  }

  delete(name: Topic): void {
    remove(this.root, name, 0);
  }

  /**
   * Hands over what a pattern matches, until it is told to stop. Nothing may be set meanwhile.
   * @param budget names and parts of names that are looked at, at most
   * @returns how many it were
   */
  visit(pattern: string, found: Found<T>, budget = Infinity): number {
    const walk = new Walk(pattern.split('.'), found, budget);
    walk.from(this.root, 0);
    return walk.looked;
  }

  /** All that a pattern matches. */
  matching(pattern: string): T[] {
    const values: T[] = [];
    this.visit(pattern, (value) => values.push(value) > 0);
    return values;
  }
}

class Walk<T> {
  looked = 0;
  private readonly segments: readonly string[];
  private readonly found: Found<T>;
  private readonly budget: number;

  constructor(segments: readonly string[], found: Found<T>, budget: number) {
    this.segments = segments;
    this.found = found;
    this.budget = budget;
  }

  /** @returns whether to go on */
  from(branch: Branch<T>, at: number): boolean {
    const segment = this.segments[at];
    if (segment === undefined) return branch.value === undefined || this.found(branch.value);
    if (branch.children === null) return true;
    if (segment !== '*' && segment !== '**') {
      const child = branch.children.get(segment);
      return child === undefined || (this.look() && this.from(child, at + 1));
    }
    for (const child of branch.children.values()) {
      if (!this.look()) return false;
      if (!(segment === '*' ? this.from(child, at + 1) : this.below(child, at))) return false;
    }
    return true;
  }

  /** `**` has this one, and what is under it. */
  private below(branch: Branch<T>, at: number): boolean {
    return (branch.value === undefined || this.found(branch.value)) && this.from(branch, at);
  }

  private look(): boolean {
    this.looked += 1;
    return this.looked <= this.budget;
  }
}

/** @returns whether nothing is left of the branch */
function remove<T>(branch: Branch<T>, name: Topic, at: number): boolean {
  if (at > name.length) branch.value = undefined;
  else {
    const end = segmentEnd(name, at);
    const segment = name.slice(at, end);
    const child = branch.children?.get(segment);
    if (child !== undefined && remove(child, name, end + 1)) branch.children?.delete(segment);
    if (branch.children?.size === 0) branch.children = null;
  }
  return branch.value === undefined && branch.children === null;
}
