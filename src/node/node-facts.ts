/** Facts of a running node that other views do not say: queues, losses, failures by kind, and what costs most. */
import type { DeadLetter } from '../actor/dead-letters.ts';
import type { Counters, Histogram } from '../telemetry/counters.ts';
import { costsOf, type Costs } from './costs.ts';
import type { OutsideGauges } from './gauges.ts';
import { readGauges } from './gauges.ts';
import type { Node } from './node.ts';

interface QueueFacts {
  readonly messages: number;
  readonly bytes: number;
  readonly bytes_limit: number;
  readonly largest_messages: number;
  readonly oldest_secs: number;
  /** Connections whose socket has no room. */
  readonly blocked: number;
  readonly lagging: number;
  /** From a message's arrival to its write, of all since the start: at most so many ms. */
  readonly written_within_ms: { readonly p50: number | null; readonly p99: number | null };
}

interface FailureKind {
  readonly actor: string;
  readonly message: string;
  readonly error: string;
  readonly count: number;
}

export interface OwnFacts {
  readonly connections: {
    readonly open: number;
    readonly limit: number;
    /** Since the start. */
    readonly accepted: number;
    /** Handshakes since the start, by reason of docs/errors.md. */
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly mailboxes: QueueFacts;
  readonly deliveries: {
    readonly gaps: Readonly<Record<string, number>>;
    readonly unaccounted: number;
    readonly native_dropped: number;
    readonly displaced: number;
  };
  readonly actors: {
    readonly restarts: number;
    readonly stopped: number;
    readonly dead_letters: number;
    /** Of those that are kept. */
    readonly kinds: readonly FailureKind[];
  };
  readonly limits: {
    readonly refused: Readonly<Record<string, number>>;
    readonly limited: Costs['limited'];
    /** Callers whom an application does not let be served, by reason; with the keys that nobody knows. */
    readonly callers: Readonly<Record<string, number>>;
    /** Connections closed since the start, by close code. */
    readonly closed: Readonly<Record<string, number>>;
    /** `Error` frames since the start, by reason. */
    readonly errors: Readonly<Record<string, number>>;
  };
  readonly costs: Omit<Costs, 'limited'>;
}

/** @param limits of the configuration */
export function ownFacts(
  node: Node,
  outside: OutsideGauges,
  limits: { readonly connections: number; readonly mailboxBytes: number },
): OwnFacts {
  const { counters, deadLetters } = node.parts.context;
  const gauges = readGauges(node, outside);
  const { limited, ...costs } = costsOf(node);
  return {
    connections: {
      open: node.connections.length,
      limit: limits.connections,
      accepted: counters.accepted,
      refused: Object.fromEntries(counters.refused.counts),
    },
    mailboxes: {
      messages: gauges.mailboxMessages,
      bytes: gauges.mailboxBytes,
      bytes_limit: limits.mailboxBytes,
      largest_messages: gauges.mailboxLargestMessages,
      oldest_secs: Math.round(gauges.mailboxOldestSeconds * 10) / 10,
      blocked: gauges.connectionsBlocked,
      lagging: gauges.subscriptionsLagging,
      written_within_ms: {
        p50: boundOf(counters.publishToWrite, 0.5),
        p99: boundOf(counters.publishToWrite, 0.99),
      },
    },
    deliveries: {
      gaps: Object.fromEntries(counters.gaps.counts),
      unaccounted: gauges.unaccounted,
      native_dropped: counters.nativeDropped,
      displaced: counters.displaced,
    },
    actors: {
      restarts: counters.actorFailures,
      stopped: counters.actorsStopped,
      dead_letters: deadLetters.total,
      kinds: kindsOf(deadLetters.list()),
    },
    limits: {
      refused: Object.fromEntries(counters.rateLimited.counts),
      limited,
      callers: callersRefused(counters),
      closed: Object.fromEntries(counters.closed.counts),
      errors: Object.fromEntries(counters.errors.counts),
    },
    costs,
  };
}

function callersRefused({
  callersRefused: refused,
  authenticationFailures,
}: Counters): Readonly<Record<string, number>> {
  const unknownKeys = authenticationFailures.get('tenant_not_found');
  return { ...Object.fromEntries(refused.counts), ...(unknownKeys > 0 && { unknown_key: unknownKeys }) };
}

/** The bound in ms below which the share of observations is; `null` without any, or beyond the last bound. */
function boundOf({ bounds, counts, count }: Histogram, share: number): number | null {
  let below = 0;
  for (const [at, bound] of bounds.entries()) {
    below += counts[at] ?? 0;
    if (count > 0 && below >= count * share) return bound * 1_000;
  }
  return null;
}

const KINDS = 10;

/** What failed, without what its text says: that may be anybody's. */
function kindsOf(letters: readonly DeadLetter[]): readonly FailureKind[] {
  const kinds = new Map<string, FailureKind>();
  for (const { actor, error, message } of letters) {
    const kind = { actor: actorKind(actor), message: messageKind(message), error: errorKind(error) };
    const key = Object.values(kind).join(' ');
    kinds.set(key, { ...kind, count: (kinds.get(key)?.count ?? 0) + 1 });
  }
  return [...kinds.values()].toSorted((a, b) => b.count - a.count).slice(0, KINDS);
}

/** `app:name part`, `pulse`; ids of connections end in a number. */
function actorKind(actor: string): string {
  return /-\d+$/.test(actor) ? 'connection' : actor.slice(0, 80);
}

function messageKind(message: string | null): string {
  return /"type":"([\w-]{1,64})"/.exec(message ?? '')?.[1] ?? '';
}

/** The name of the error and where it was thrown. */
function errorKind(error: string): string {
  const [, name = 'Error'] = /^(\w{1,64})/.exec(error) ?? [];
  const [, file, line] =
    /\n\s+at (?:.*\()?(?:file:\/\/)?[^()\n]*?([^/()\n?]+)(?:\?[^:()\n]*)?:(\d+):\d+\)?/.exec(error) ?? [];
  const place = file === undefined ? '' : `${file}:${line ?? ''}`;
  return place === '' ? name : `${name} at ${place}`;
}
