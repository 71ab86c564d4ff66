/** What the model is told: the instructions, what the session is about, and as much of the talk as fits, the oldest left out first. */
import type { MessagePage } from '../../conversations/public.ts';
import { numberAt } from '../providers/event-json.ts';
import type { Question, Turn } from '../providers/provider.ts';
import { CHARACTERS_OF_TOKEN } from '../providers/tokens.ts';
import { ASSISTANT } from '../ports.ts';
import type { Settings } from '../settings.ts';

interface About {
  readonly clientName: string | null;
  readonly context: string | null;
}

/** @param messages ascending; the last one is the question */
export function promptOf(
  { model, system, max_answer_tokens: maxTokens, history_messages: most, history_tokens: tokens }: Settings,
  { clientName, context }: About,
  messages: MessagePage['messages'],
): Question {
  const about = [
    ...(clientName === null ? [] : [`The talk is about the client ${JSON.stringify(clientName)}.`]),
    ...(context === null ? [] : [`Context: ${context}`]),
  ];
  const turns = turnsOf(messages);
  return {
    model,
    system: [system, ...about].join('\n'),
    turns: fitting(turns, most, tokens * CHARACTERS_OF_TOKEN),
    maxTokens,
  };
}

/** Messages of one speaker in a row are one turn: models want turns to alternate. Of several attempts the last one counts. */
function turnsOf(messages: MessagePage['messages']): readonly Turn[] {
  const answered = new Map<number, number>();
  for (const [at, message] of messages.entries()) {
    const question = questionOf(message);
    if (question !== null) answered.set(question, at);
  }
  const turns: Turn[] = [];
  for (const [at, message] of messages.entries()) {
    const text = textOf(message);
    const question = questionOf(message);
    if (text === '' || (question !== null && answered.get(question) !== at)) continue;
    const by = message.from === ASSISTANT ? 'assistant' : 'user';
    const last = turns.at(-1);
    if (last?.by === by) turns[turns.length - 1] = { by, text: `${last.text}\n\n${text}` };
    else turns.push({ by, text });
  }
  return turns;
}

/** A quick action, which the user has pressed, stands before its text. */
function textOf({ content = '', metadata }: MessagePage['messages'][number]): string {
  const action = metadata?.['quickAction'];
  return typeof action === 'string' ? `(${action}) ${content}` : content;
}

/** Of an answer: the sequence of its question. */
function questionOf({ from, metadata }: MessagePage['messages'][number]): number | null {
  const answer: unknown = from === ASSISTANT ? metadata?.['answer'] : undefined;
  const question = numberAt(answer, 'question');
  return question === 0 ? null : question;
}

/** The question stays whatever it takes, and a talk begins with the user. */
function fitting(turns: readonly Turn[], most: number, characters: number): readonly Turn[] {
  const kept: Turn[] = turns.slice(-1);
  let left = characters;
  for (const turn of turns.slice(0, -1).toReversed()) {
    left -= turn.text.length;
    if (kept.length > most || left < 0) break;
    kept.unshift(turn);
  }
  return kept[0]?.by === 'assistant' ? kept.slice(1) : kept;
}
