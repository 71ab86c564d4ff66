/** Topic names, subscription patterns, and the reserved topics below the protocol. Pure. */
import { createHash } from 'node:crypto';
import { MAX_TOPIC_LENGTH } from './limits.ts';

/**
 * A topic as the node knows it: the wire name, prefixed with `tenant/` unless the tenant is the default one.
 * `/` cannot occur in a wire name, so two tenants never meet in a topic.
 */
export type Topic = string;

/** Names that clients may use; {@link isTopicName} bounds the length too. */
export const TOPIC_NAME = /^[A-Za-z0-9_:-]+(?:\.[A-Za-z0-9_:-]+)*$/;
const PATTERN_TAIL = /^(?:[A-Za-z0-9_:-]+|\*)$/;
const TENANT = /^[A-Za-z0-9_:-]{1,64}$/;

/** The alias under which a client subscribes to its own direct messages. */
export const ME = '@me';
const DIRECT_PREFIX = '@user.';
/** What the alias of a topic's presence begins with: who is there, as a logged topic of changes. */
const PRESENCE_PREFIX = '@presence.';
/** What topics of applications begin with that no client can name. */
const APP_PREFIX = '@app.';

/** Whether a client may name this topic (reserved topics start with `@` and never match). */
export function isTopicName(name: string): boolean {
  return name.length <= MAX_TOPIC_LENGTH && TOPIC_NAME.test(name);
}

/** Whether the text asks for a pattern at all; {@link isSupportedPattern} says whether it is one that we serve. */
export function looksLikePattern(name: string): boolean {
  return name.includes('*');
}

/**
 * Patterns: `*` is exactly one segment, `**` one or more in the last position, the first segment is literal. The
 * literal first segment is what lets a node index patterns and a broker subscribe by prefix.
 */
export function isSupportedPattern(pattern: string): boolean {
  if (pattern.length > MAX_TOPIC_LENGTH) return false;
  const segments = pattern.split('.');
  const [first] = segments;
  if (first === undefined || !TOPIC_NAME.test(first)) return false;
  return segments.every(
    (segment, at) => at === 0 || PATTERN_TAIL.test(segment) || (segment === '**' && at === segments.length - 1),
  );
}

/** Whether a pattern (or an exact name) matches a topic. Both in the same form: both wire names, or both node names. */
export function matches(pattern: string, topic: string): boolean {
  if (!pattern.includes('*')) return pattern === topic;
  let p = 0;
  let t = 0;
  for (;;) {
    const pEnd = segmentEnd(pattern, p);
    const segment = pattern.slice(p, pEnd);
    if (segment === '**') return true;
    const tEnd = segmentEnd(topic, t);
    if (segment !== '*' && (pEnd - p !== tEnd - t || !topic.startsWith(segment, t))) return false;
    const patternEnded = pEnd === pattern.length;
    const topicEnded = tEnd === topic.length;
    if (patternEnded || topicEnded) return patternEnded && topicEnded;
    p = pEnd + 1;
    t = tEnd + 1;
  }
}

/** Whether every topic that `inner` matches is matched by `outer` too: what a right on `outer` grants. */
export function covers(outer: string, inner: string): boolean {
  // Each publish asks this of a name: no lists are made of it.
  if (!looksLikePattern(inner)) return matches(outer, inner);
  const wide = outer.split('.');
  const narrow = inner.split('.');
  for (let at = 0; at < wide.length; at += 1) {
    const segment = wide[at];
    const other = narrow[at];
    if (segment === '**') return other !== undefined;
    if (other === undefined || other === '**') return false;
    if (segment !== '*' && segment !== other) return false;
  }
  return wide.length === narrow.length;
}

/** Whether any topic is matched by both: a rule that overlaps a pattern has a say in who may subscribe to it. */
export function overlaps(left: string, right: string): boolean {
  const a = left.split('.');
  const b = right.split('.');
  for (let at = 0; ; at += 1) {
    const x = a[at];
    const y = b[at];
    if (x === undefined || y === undefined) return x === y;
    if (x === '**' || y === '**') return true;
    if (x !== '*' && y !== '*' && x !== y) return false;
  }
}

/** Where the segment that begins at `from` ends: at the next dot, or at the end. */
export function segmentEnd(text: string, from: number): number {
  const dot = text.indexOf('.', from);
  return dot === -1 ? text.length : dot;
}

/** The literal first segment of a name or pattern, the tenant prefix included: the key of the pattern index. */
export function firstSegment(name: string): string {
  return name.slice(0, segmentEnd(name, 0));
}

/** Whether a tenant from a token can prefix names. */
export function isTenant(tenant: string): boolean {
  return tenant === '' || TENANT.test(tenant);
}

/** The node's name of a tenant's topic or pattern. The default tenant is the empty string and has no prefix. */
export function qualify(tenant: string, name: string): Topic {
  return tenant === '' ? name : `${tenant}/${name}`;
}

/** The name a client sees: without the tenant. Inverse of {@link qualify}. */
export function wireName(topic: Topic): string {
  return topic.slice(topic.indexOf('/') + 1);
}

/** The tenant of a node's topic, `''` for the default one. */
export function tenantOf(topic: Topic): string {
  const slash = topic.indexOf('/');
  return slash === -1 ? '' : topic.slice(0, slash);
}

/** The reserved topic that carries a user's direct messages. */
export function directTopic(tenant: string, user: string): Topic {
  return qualify(tenant, `${DIRECT_PREFIX}${Buffer.from(user, 'utf8').toString('base64url')}`);
}

/** Whether publications of this topic are direct messages. */
export function isDirectTopic(topic: Topic): boolean {
  return topic.startsWith(DIRECT_PREFIX, topic.indexOf('/') + 1);
}

/** The reserved topic that carries the changes of who is present in a topic; for names of clients and of the node alike. */
export function presenceTopic(topic: Topic): Topic {
  return qualify(tenantOf(topic), PRESENCE_PREFIX + wireName(topic));
}

/** Whether publications of this topic are changes of presence. */
export function isPresenceTopic(topic: Topic): boolean {
  return topic.startsWith(PRESENCE_PREFIX, topic.indexOf('/') + 1);
}

/** Where an application keeps who is there: no name of a client's, so nobody enters or reads it but the application. */
export function appTopic(tenant: string, app: string, place: string): Topic {
  return qualify(tenant, `${APP_PREFIX}${app}.${place}`);
}

export function isAppTopic(topic: Topic): boolean {
  return topic.startsWith(APP_PREFIX, topic.indexOf('/') + 1);
}

/** The topic whose presence a client names by its alias; `null` for every other name. */
export function presentIn(name: string): string | null {
  return name.startsWith(PRESENCE_PREFIX) ? name.slice(PRESENCE_PREFIX.length) : null;
}

/** What a client calls the topic: its own direct messages are `@me`, whatever the user id. */
export function clientName(topic: Topic): string {
  return isDirectTopic(topic) ? ME : wireName(topic);
}

/** Six characters that make message ids of different topics differ. Part of the message id, not a secret. */
export function topicDigest(topic: Topic): string {
  return createHash('sha256').update(topic).digest('base64url').slice(0, 6);
}
