import { expect, test } from 'vitest';
import { z } from 'zod';
import type { MessagePage } from '../../conversations/public.ts';
import { settings } from '../settings.ts';
import { promptOf } from './prompt.ts';

type Message = MessagePage['messages'][number];

/** A talk, in order: `u` for the user, `a` for the assistant, which says with `a2` that it answers the second message. */
function talk(...lines: readonly (readonly [by: string, text: string])[]): readonly Message[] {
  return lines.map(([by, content], at) => {
    const question = Number(by.slice(1));
    const isAnswer = by.startsWith('a');
    return {
      sequence: at + 1,
      from: isAnswer ? 'assistant' : 'ada',
      content,
      ...(question > 0 && { metadata: { answer: { question, attempt: 1 } } }),
    } as unknown as Message;
  });
}

const NOBODY = { clientName: null, context: null };

test('L-41: the model is told its instructions, what the session is about, and the talk in turns', () => {
  const given = settings(z).parse({ system: 'You are a consultant.', max_answer_tokens: 300, model: 'local' });
  const about = { clientName: 'Acme "Steel"', context: 'They move to the cloud.' };
  const messages = talk(['u', 'Hello'], ['a1', 'Yes?'], ['u', 'What does it cost?'], ['u', 'And when?']);
  expect(promptOf(given, about, messages)).toEqual({
    model: 'local',
    system: 'You are a consultant.\nThe talk is about the client "Acme \\"Steel\\"".\nContext: They move to the cloud.',
    turns: [
      { by: 'user', text: 'Hello' },
      { by: 'assistant', text: 'Yes?' },
      { by: 'user', text: 'What does it cost?\n\nAnd when?' },
    ],
    maxTokens: 300,
  });
});

test('L-41: of several answers to a question the last one counts, and a talk begins with the user', () => {
  const given = settings(z).parse({ history_messages: 1 });
  const messages = talk(['u', 'one'], ['a1', 'no'], ['a1', 'yes'], ['u', 'two']);
  expect(promptOf(settings(z).parse({}), NOBODY, messages).turns.map(({ text }) => text)).toEqual([
    'one',
    'yes',
    'two',
  ]);
  expect(promptOf(given, NOBODY, messages).turns).toEqual([{ by: 'user', text: 'two' }]);
});

test('L-41: the talk is cut to its budgets of messages and of tokens from the oldest, and the question stays whatever it takes', () => {
  const lines = Array.from({ length: 20 }, (_, at): readonly [string, string] =>
    at % 2 === 0 ? ['u', `question ${at}`] : [`a${at}`, 'x'.repeat(40)],
  );
  const messages = talk(...lines, ['u', 'y'.repeat(500)]);
  const turns = (given: object): number => promptOf(settings(z).parse(given), NOBODY, messages).turns.length;
  expect(turns({ history_messages: 4 })).toBe(5);
  expect(turns({ history_messages: 5 })).toBe(5);
  expect(turns({ history_messages: 0 })).toBe(1);
  // Two messages of 51 characters fit into 13 tokens, at four characters each.
  expect(turns({ history_messages: 100, history_tokens: 13 })).toBe(3);
  expect(turns({ history_messages: 100, history_tokens: 12 })).toBe(1);
  expect(promptOf(settings(z).parse({ history_tokens: 0 }), NOBODY, messages).turns.at(-1)?.text).toHaveLength(500);
});
