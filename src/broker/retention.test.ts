import { expect, test } from 'vitest';
import { directTopic } from '../protocol/topic.ts';
import { retentionOf, type RetentionRules } from './retention.ts';

const keep = (messages: number): { messages: number; ageMs: number; bytes: number } => ({
  messages,
  ageMs: 1_000,
  bytes: 1_000,
});

const RULES: RetentionRules = {
  rules: [
    { ...keep(1), pattern: 'chat.vip' },
    { ...keep(2), pattern: 'chat.*' },
    { ...keep(3), pattern: 'chat.**' },
  ],
  fallback: keep(4),
  direct: keep(5),
};

test('the first rule that matches counts', () => {
  expect(retentionOf('chat.vip', RULES)).toMatchObject({ messages: 1 });
  expect(retentionOf('chat.other', RULES)).toMatchObject({ messages: 2 });
  expect(retentionOf('chat.other.deeper', RULES)).toMatchObject({ messages: 3 });
});

test('without a rule the fallback counts', () => {
  expect(retentionOf('chat', RULES)).toMatchObject({ messages: 4 });
  expect(retentionOf('chats.a', RULES)).toMatchObject({ messages: 4 });
});

test('rules are in the names of clients and hold for every tenant', () => {
  expect(retentionOf('acme/chat.vip', RULES)).toMatchObject({ messages: 1 });
  expect(retentionOf('acme/other', RULES)).toMatchObject({ messages: 4 });
});

test('direct messages have their own, whatever the rules match', () => {
  const everything = { ...RULES, rules: [{ ...keep(9), pattern: '@user.**' }] };
  expect(retentionOf(directTopic('', 'bob'), everything)).toMatchObject({ messages: 5 });
  expect(retentionOf(directTopic('acme', 'bob'), everything)).toMatchObject({ messages: 5 });
});
