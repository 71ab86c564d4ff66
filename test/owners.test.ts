/** State that several files read has one owner that writes it. What an assignment looks like is enough to find the others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** The writers of fields of connections and subscriptions, beside the classes themselves. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  // What waits in mailboxes: of a subscription, a connection and the node.
  'connection/mailbox-sums.ts': ['queuedCount', 'queuedBytes'],
  'connection/waiting-list.ts': ['firstWaiting', 'lastWaiting', 'isWaiting', 'nextWaiting'],
  'connection/subscriptions.ts': ['subscriptions', 'named', 'byTopic', 'patterns', 'isExplicit', 'holds'],
  'connection/commands/subscribe.ts': ['joining'],
  'connection/recheck.ts': ['rechecks'],
  'connection/catch-up.ts': ['lagging'],
  'connection/log-page.ts': ['isReading'],
  'connection/missed-messages.ts': ['missed'],
  'connection/commands/checks.ts': ['isAsking'],
  'connection/commands/acknowledge.ts': ['acknowledged'],
  'connection/outbox.ts': ['control'],
  'connection/flusher.ts': ['isScheduled', 'isScheduledToRead'],
  'connection/charges.ts': ['fullAt', 'conduct'],
  'service/publish.ts': ['lastTarget'],
  'connection/commands/commands.ts': ['freePingBeat'],
  'connection/liveness.ts': ['wasWarned'],
  'connection/ping-times.ts': ['pingedAt'],
  'connection/sessions.ts': ['sessionDueBeat'],
  // The dense arrays: of the node's connections, and of a topic's subscriptions.
  'node/node.ts': ['slot', 'transport'],
  'router/routed-topic.ts': ['slot'],
};

/** Written by their class alone. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  'connection/connection.ts': ['principal', 'lifecycle', 'isBlocked', 'seenBeat', 'progress'],
  'router/subscription.ts': [
    'state',
    'written',
    'generation',
    'overflowed',
    'gap',
    'joined',
    'joinedCount',
    'lagCount',
    'live',
    'replayed',
    'displaced',
    'deferred',
    'lost',
  ],
};

const ROOMS = ['connection', 'node', 'router', 'service', 'http', 'apps'];
/** Objects that have something else under one of these names. */
const OTHERS = new Set(['counters', 'message']);

describe('state has one owner', () => {
  test('a field of a connection or subscription is written by the file that owns it', () => {
    const owners = new Map<string, string[]>();
    for (const [file, fields] of [...Object.entries(OWNERS), ...Object.entries(CLASSES)])
      for (const field of fields) owners.set(field, [...(owners.get(field) ?? []), file]);
    const strangers = files()
      .filter((file) => ROOMS.some((room) => file.startsWith(`${room}/`)))
      .flatMap((file) =>
        writes(read(file))
          .filter(({ object, field }) => owners.has(field) && object !== 'this' && !OTHERS.has(object))
          .filter(({ field }) => owners.get(field)?.includes(file) === false)
          .map(({ text }) => `${file}: ${text}`),
      );
    expect(strangers).toEqual([]);
  });

  test('every field that connections and subscriptions can change has an owner', () => {
    const owned = new Set([...Object.values(OWNERS), ...Object.values(CLASSES)].flat());
    const unowned = Object.keys(CLASSES).flatMap((file) => publicFields(read(file)).filter((name) => !owned.has(name)));
    expect(unowned).toEqual([]);
  });

  test('the mailboxes of a node are summed where those of its connections are', () => {
    const writers = files().filter((file) => /\bbacklog\.bytes\s*[-+]?=(?!=)/.test(read(file)));
    expect(writers).toEqual(['connection/mailbox-sums.ts']);
  });

  test('an assignment is found however it is written', () => {
    const text = ['a.gap = null;', 'a.lost += 1;', 'if (a.gap === null) b(a.gap);', 'add(x).isExplicit = true;'];
    const more = ['a.control ??= b;', 'a.holds++;', '(b) => b.lost >= 1', '[a.gap, b] = [b, a.gap];'];
    expect(writes([...text, ...more].join('\n')).map(({ object, field }) => `${object}.${field}`)).toEqual([
      'a.gap',
      'a.lost',
      ').isExplicit',
      'a.control',
      'a.holds',
    ]);
  });
});

interface Write {
  readonly object: string;
  readonly field: string;
  readonly text: string;
}

function writes(text: string): Write[] {
  const assignments = /(\w+|[\])])\??\.(\w+)\s*(?:\?\?=|\|\|=|[-+]?=(?![=>])|\+\+|--)/g;
  return [...text.matchAll(assignments)].map(([found, object = '', field = '']) => ({ object, field, text: found }));
}

/** Fields of a class that are neither private nor readonly, as they stand two spaces deep. */
function publicFields(text: string): string[] {
  const fields = /^ {2}(?!private|readonly|get |static|return|constructor)(\w+)(?:: [^=;(]+)?(?: = [^;]+)?;$/gm;
  return [...text.matchAll(fields)].map(([, name]) => name ?? '');
}

function files(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !/(^|\/)test-rig[^/]*$/.test(file),
  );
}

function read(file: string): string {
  return readFileSync(join(SRC, file), 'utf8');
}
