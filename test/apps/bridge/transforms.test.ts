/** Transforms are pure: one golden file a kind, and what goes there and back keeps its id, its text and its file. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { splitText } from '../../../src/apps/bridge/transforms/split-text.ts';
import { changesOf, customerMessage, statusNews } from '../../../src/apps/bridge/transforms/from-whatsapp.ts';
import { deskNews } from '../../../src/apps/bridge/transforms/from-genesys.ts';
import { genesysMessages, genesysReceipt } from '../../../src/apps/bridge/transforms/to-genesys.ts';
import { whatsappMessages } from '../../../src/apps/bridge/transforms/to-whatsapp.ts';
import { conversationBodies } from '../../../src/apps/bridge/transforms/to-conversation.ts';
import type { Content, CustomerMessage } from '../../../src/apps/bridge/transforms/message.ts';
import type { JsonValue } from '../../../src/protocol/frames.ts';
import { messageOf, webhookBody } from '../../fakes/graph-api.ts';

const GOLDEN = fileURLToPath(new URL('./golden/', import.meta.url));
const NOW = Date.parse('2026-01-14T10:30:00Z');

interface Golden {
  readonly from: 'whatsapp' | 'genesys';
  readonly given: Readonly<Record<string, JsonValue>>;
  readonly expected?: unknown;
}

function outcomeOf({ from, given }: Golden): unknown {
  if (from === 'genesys') {
    const news = deskNews(given, NOW);
    if (news?.kind !== 'message') return { news };
    return {
      news,
      whatsapp: whatsappMessages(news.to, news.contents),
      conversation: conversationBodies(news.contents, null),
    };
  }
  const changes = changesOf(given) ?? [];
  return changes.flatMap(({ phoneNumberId, messages, statuses }) => [
    ...messages.map((event) => {
      const message = customerMessage(event, NOW);
      return {
        phoneNumberId,
        message,
        genesys: genesysMessages('row-1', message),
        conversation: conversationBodies([message.content], null),
      };
    }),
    ...statuses.map((event) => {
      const news = statusNews(event, NOW);
      return { phoneNumberId, news, genesys: news === null ? null : genesysReceipt('genesys-1', news) };
    }),
  ]);
}

describe('W-11, W-13: every kind as its golden file says', () => {
  const files = readdirSync(GOLDEN).filter((name) => name.endsWith('.json'));

  test('there is a file for every kind, of both sides', () => {
    expect(files.length).toBeGreaterThanOrEqual(30);
  });

  test.each(files)('%s', (name) => {
    const path = join(GOLDEN, name);
    const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
    const outcome = JSON.parse(JSON.stringify(outcomeOf(golden))) as unknown;
    // UPDATE_GOLDEN=1 writes what is; look at what has changed before you keep it.
    if (process.env['UPDATE_GOLDEN'] === '1' && existsSync(path))
      writeFileSync(path, `${JSON.stringify({ ...golden, expected: outcome }, null, 2)}\n`);
    else expect(outcome).toEqual(golden.expected);
  });
});

/** Seeded, so that every run tries the same. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const CHARACTERS = ['a', 'é', '中', '😀', ' ', '\n', '"', '<', '&', '\\', '\u202e', 'ß', '👩‍👩‍👧', '%', '}'];
const MEDIA = ['image', 'video', 'document'] as const;

function textBy(random: () => number, most: number): string {
  const length = 1 + Math.floor(random() * most);
  const text = Array.from({ length }, () => CHARACTERS[Math.floor(random() * CHARACTERS.length)] ?? 'a').join('');
  return text.trim() === '' ? 'x' : text.trim();
}

/** What Genesys would tell its webhook if an agent wrote the same. */
function echoed(body: Readonly<Record<string, JsonValue>>): JsonValue {
  const { channel, ...said } = body as { channel: { messageId: string; from: JsonValue; time: string } };
  return {
    ...said,
    id: channel.messageId,
    type: 'Text',
    direction: 'Outbound',
    channel: { messageId: channel.messageId, time: channel.time, to: channel.from, from: { id: 'integration-1' } },
  };
}

test('W-13: a message that goes to Genesys and comes back as the same one has its id, its text and its file', () => {
  const random = randomOf(Number(process.env['PROPERTY_SEED'] ?? 7));
  for (let round = 0; round < 500; round += 1) {
    const media = MEDIA[Math.floor(random() * MEDIA.length)] ?? 'image';
    const caption = random() < 0.5 ? { caption: textBy(random, 40) } : {};
    const content: Content =
      random() < 0.5
        ? { kind: 'text', text: textBy(random, 200) }
        : { kind: 'media', media, mime: 'image/png', url: `https://files.example/${round}`, name: 'a.png', ...caption };
    const message: CustomerMessage = { wamid: 'w', from: '491701234567', at: NOW, content };
    const [request] = genesysMessages(`row-${round}`, message);
    const back = deskNews(echoed(request?.body ?? {}), NOW);
    expect(back).toMatchObject({ kind: 'message', id: `row-${round}`, to: '491701234567', at: NOW });
    expect(back?.kind === 'message' && back.contents).toEqual([content]);
  }
});

test('W-13: what an agent writes and a phone gives back is the same text, in as many parts as it takes', () => {
  const random = randomOf(Number(process.env['PROPERTY_SEED'] ?? 11));
  for (let round = 0; round < 300; round += 1) {
    const text = textBy(random, round % 10 === 0 ? 9_000 : 300);
    const bodies = whatsappMessages('491701234567', [{ kind: 'text', text }]);
    const parts = bodies.map((body, at) => {
      const raw = messageOf('491701234567', `wamid.${at}`, body);
      const [change] = changesOf(webhookBody('1', { messages: [raw] })) ?? [];
      const [event] = change?.messages ?? [];
      const read = event === undefined ? null : customerMessage(event, NOW).content;
      expect(read?.kind).toBe('text');
      const said = read?.kind === 'text' ? read.text : '';
      expect(said.length).toBeLessThanOrEqual(4_096);
      return said;
    });
    const bare = (long: string): string => long.replaceAll(/\s/g, '');
    expect(bare(parts.join(''))).toBe(bare(text));
  }
});

test('a text is cut between lines, then between words, and never within a character', () => {
  expect(splitText('one\ntwo three', 8)).toEqual(['one\ntwo', 'three']);
  expect(splitText('one two three', 8)).toEqual(['one two', 'three']);
  expect(splitText('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(splitText('abc😀def', 4)).toEqual(['abc', '😀de', 'f']);
  expect(splitText('', 4)).toEqual(['']);
  for (const part of splitText('😀'.repeat(500), 7)) expect(part.isWellFormed()).toBe(true);
});

test('bad input says nothing, and throws nothing', () => {
  for (const bad of [null, 1, 'x', [], {}, { object: 'page' }, { object: 'whatsapp_business_account', entry: 7 }]) {
    expect(changesOf(bad) ?? []).toEqual([]);
    expect(deskNews(bad, NOW)).toBeNull();
  }
  const [change] =
    changesOf({
      object: 'whatsapp_business_account',
      entry: [
        { changes: [{ value: { metadata: 1, messages: [null, 3, {}, { id: 5 }, { id: 'w' }], contacts: [1] } }] },
      ],
    }) ?? [];
  expect(change?.messages).toEqual([{ id: 'w', customer: '', raw: { id: 'w' } }]);
  const future = {
    id: 'w',
    customer: '1',
    raw: { id: 'w', timestamp: '99999999999', type: 'text', text: { body: 'x' } },
  };
  expect(customerMessage(future, NOW).at).toBe(NOW);
  const nul = { id: 'w', customer: '1', raw: { id: 'w', type: 'text', text: { body: 'a\0b\ud800c' } } };
  expect(customerMessage(nul, NOW).content).toEqual({ kind: 'text', text: 'ab\ufffdc' });
});
