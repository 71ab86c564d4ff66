import { expect, test } from 'vitest';
import { readEvents, type StreamEvent } from './event-stream.ts';

async function eventsOf(text: string, cut: number): Promise<readonly StreamEvent[]> {
  const bytes = Buffer.from(text);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
  }
  const events: StreamEvent[] = [];
  for await (const event of readEvents(chunks(), { maxLine: 1_000, maxBytes: 10_000 })) events.push(event);
  return events;
}

test.each(['\n', '\r', '\r\n'])('events with the line end %j are the same however they are cut', async (end) => {
  const lines = [
    ': a comment',
    'event: first',
    'data: one €',
    'data:two',
    'id: 7',
    '',
    '',
    'data',
    'other: x',
    '',
    'data: no end',
  ];
  const text = lines.map((line) => line + end).join('');
  const expected = [
    { type: 'first', data: 'one €\ntwo' },
    { type: 'message', data: '' },
  ];
  for (const cut of [1, 2, 3, 7, 1_000]) expect(await eventsOf(text, cut), `pieces of ${cut}`).toEqual(expected);
});
