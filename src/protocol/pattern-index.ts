/** Patterns by their segments, so that a topic meets those that could match it and not every pattern of the node. */
import { segmentEnd, type Topic } from './topic.ts';

class Branch<T> {
  value: T | undefined = undefined;
  /** `*` and `**` are keys like others: no topic has them. */
  children: Map<string, Branch<T>> | null = null;
}

export class PatternIndex<T> {
  private readonly root = new Branch<T>();
  private readonly byPattern = new Map<string, T>();

  get size(): number {
    return this.byPattern.size;
  }

  get(pattern: string): T | undefined {
    return this.byPattern.get(pattern);
  }

  values(): Iterable<T> {
    return this.byPattern.values();
  }

  set(pattern: string, value: T): void {
    this.byPattern.set(pattern, value);
    let branch = this.root;
    for (const segment of pattern.split('.')) {
      branch.children ??= new Map<string, Branch<T>>();
      let child = branch.children.get(segment);
      if (child === undefined) branch.children.set(segment, (child = new Branch<T>()));
      branch = child;
    }
    branch.value = value;
  }

  delete(pattern: string): void {
    if (this.byPattern.delete(pattern)) remove(this.root, pattern.split('.'), 0);
  }

  matchesAny(topic: Topic): boolean {
    return this.byPattern.size > 0 && !visit(this.root, topic, 0, stop);
  }

  /** Hands over the values of all patterns that match a topic. */
  visit(topic: Topic, found: (value: T) => void): void {
    if (this.byPattern.size === 0) return;
    visit(this.root, topic, 0, (value) => {
      found(value);
      return true;
    });
  }

  /** Hands over the values of all patterns that have topics in common with a pattern or topic. */
  overlapping(pattern: string, found: (value: T) => void): void {
    if (this.byPattern.size > 0) overlap(this.root, pattern.split('.'), 0, found);
  }
}

/** Hands over what overlaps the segments of a pattern or topic from one of them on. */
function overlap<T>(branch: Branch<T>, segments: readonly string[], at: number, found: (value: T) => void): void {
  const segment = segments[at];
  if (segment === undefined) return give(branch, found);
  const { children } = branch;
  if (children === null) return;
  const rest = children.get('**');
  if (rest !== undefined) give(rest, found);
  if (segment === '*' || segment === '**') {
    for (const child of children.values())
      if (child !== rest) (segment === '*' ? overlap : all)(child, segments, at + 1, found);
    return;
  }
  for (const key of [segment, '*']) {
    const child = children.get(key);
    if (child !== undefined) overlap(child, segments, at + 1, found);
  }
}

function all<T>(branch: Branch<T>, segments: readonly string[], at: number, found: (value: T) => void): void {
  give(branch, found);
  for (const child of branch.children?.values() ?? []) all(child, segments, at, found);
}

function give<T>({ value }: Branch<T>, found: (value: T) => void): void {
  if (value !== undefined) found(value);
}

const stop = (): boolean => false;

/** @returns whether it went to the end */
function visit<T>(branch: Branch<T>, topic: Topic, at: number, found: (value: T) => boolean): boolean {
  if (at > topic.length) return branch.value === undefined || found(branch.value);
  const { children } = branch;
  if (children === null) return true;
  const rest = children.get('**')?.value;
  if (rest !== undefined && !found(rest)) return false;
  const end = segmentEnd(topic, at);
  const any = children.get('*');
  if (any !== undefined && !visit(any, topic, end + 1, found)) return false;
  const same = children.get(topic.slice(at, end));
  return same === undefined || visit(same, topic, end + 1, found);
}

/** @returns whether nothing is left of the branch */
function remove<T>(branch: Branch<T>, segments: readonly string[], at: number): boolean {
  const segment = segments[at];
  if (segment === undefined) branch.value = undefined;
  else {
    const child = branch.children?.get(segment);
    if (child !== undefined && remove(child, segments, at + 1)) branch.children?.delete(segment);
    if (branch.children?.size === 0) branch.children = null;
  }
  return branch.value === undefined && branch.children === null;
}
