import { expect, test } from 'vitest';
import { EventStream, type StreamEvent } from './event-stream.ts';

function eventsOf(text: string, cut: number): readonly StreamEvent[] {
  const bytes = Buffer.from(text);
  const events: StreamEvent[] = [];
  const stream = new EventStream({ maxLine: 1_000, maxBytes: 10_000 }, (event) => events.push(event));
  for (let at = 0; at < bytes.length; at += cut) stream.push(bytes.subarray(at, at + cut));
  return events;
}

test.each(['\n', '\r', '\r\n'])('events with the line end %j are the same however they are cut', (end) => {
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
  for (const cut of [1, 2, 3, 7, 1_000]) expect(eventsOf(text, cut), `pieces of ${cut}`).toEqual(expected);
});
