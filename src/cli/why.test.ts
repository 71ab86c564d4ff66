import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from '../connection/test-rig.ts';
import { traceAnswer, type TraceAnswer } from '../http/trace.ts';
import { traceText, whyText } from './why.ts';

const TOPIC = 'chat.lobby';
const TIME = '2026-09-21T14:13:20.000Z';

let rig: TestRig;
let id: string;

/** As it comes over HTTP. */
function answer(user: string | null = null, message = id): TraceAnswer {
  return JSON.parse(JSON.stringify(traceAnswer(rig, message, user))) as TraceAnswer;
}

beforeEach(() => {
  rig = new TestRig({ tail: 4, limits: { mailboxCapacity: 4 }, trace: { messages: 10, recipients: 2 } });
  rig.router.tracing.enable('chat.**', null);
  const [alice, bob, cyd] = ['alice', 'bob', 'cyd'].map((name) => rig.connect(name));
  for (const client of [alice, bob, cyd]) client?.subscribe(TOPIC);
  alice?.stop();
  rig.publish(TOPIC);
  id = String(bob?.ask('Broadcast', { topic: TOPIC, payload: 1 }).data['id']);
  rig.publish(TOPIC, 5);
  rig.clock.advance(40);
  alice?.resume();
});

describe('the answer over HTTP', () => {
  test('has the stages, the recipients with their ends, and the rest counted', () => {
    const now = rig.clock.now();
    const then = now - 40;
    expect(answer()).toEqual({
      message: {
        id,
        topic: TOPIC,
        epoch: rig.position(TOPIC).epoch,
        sequence: 2,
        from: 'bob',
        stages: { stored: then, received: then, validated: then, routed: then, queued: then, delivered: then },
        subscriptions: 3,
        recipients: expect.arrayContaining([
          {
            connection_id: 'rig-i-1',
            user: 'alice',
            end: 'replayed',
            at: now,
            cause: null,
            displaced_at: then,
            gap: null,
            deliveries: 1,
          },
        ]),
        others: { written: 1 },
        traced_until: null,
      },
      note: null,
      app_stages: {},
      standing: [],
      why: null,
    });
  });

  test('says why for a user', () => {
    expect(answer('alice').why).toMatchObject({
      user: 'alice',
      verdict: 'delivered',
      connections: [{ connection_id: 'rig-i-1', verdict: 'delivered' }],
    });
  });

  test('says why it is not in the trace', () => {
    expect(answer(null, 'x')).toEqual({
      message: null,
      note: expect.stringContaining('expected a message id'),
      app_stages: {},
      standing: [],
      why: null,
    });
  });
});

describe('as text', () => {
  test('a trace is a table of stages and recipients', () => {
    const other = answer().message?.recipients.find(({ user }) => user !== 'alice');
    const lines = traceText(answer()).split('\n');
    expect(lines.filter((line) => !line.includes(other?.user ?? '') || line.startsWith('from'))).toEqual([
      `message     ${id}`,
      `topic       chat.lobby, position 2 of epoch ${rig.position(TOPIC).epoch}`,
      'from        bob',
      `received    ${TIME}`,
      `validated   ${TIME}`,
      `stored      ${TIME}`,
      `routed      ${TIME}`,
      `queued      ${TIME}`,
      `delivered   ${TIME}`,
      'recipients  3 subscriptions when it was routed',
      `  alice on rig-i-1: replayed 2026-09-21T14:13:20.040Z (displaced ${TIME})`,
      'others      1 written',
    ]);
    expect(lines).toContain(`  ${other?.user} on ${other?.connection_id}: written ${TIME}`);
  });

  test('later stages say how much later', () => {
    const { message } = answer();
    const later = {
      ...answer(),
      message: message === null ? null : { ...message, stages: { stored: 5, delivered: 12 } },
    };
    expect(traceText(later)).toContain('delivered   1970-01-01T00:00:00.012Z  +7 ms');
  });

  test('causes, gaps and the end of tracing are said', () => {
    const { message } = answer();
    const gap = {
      connection_id: 'c',
      user: 'u',
      end: 'gap',
      at: 1,
      cause: 'trimmed',
      displaced_at: null,
      gap: [1, 9],
      deliveries: 0,
    } as const;
    const changed = message === null ? null : { ...message, recipients: [gap], subscriptions: null, traced_until: 0 };
    const text = traceText({ ...answer(), message: changed });
    expect(text).toContain('  u on c: gap 1970-01-01T00:00:00.001Z (trimmed, 1..9)');
    expect(text).toContain('recipients  not routed on this node');
    expect(text).toContain('until       1970-01-01T00:00:00.000Z: tracing was switched off');
  });

  test('why is one sentence, and the last line of a trace', () => {
    const sentence = answer('alice').why?.sentence ?? '';
    expect(whyText(answer('alice'))).toBe(sentence);
    expect(traceText(answer('alice')).split('\n').at(-1)).toBe(sentence);
    expect(traceText(answer(null, 'x'))).toContain('expected a message id');
    expect(whyText(answer(null, 'x'))).toContain('expected a message id');
  });

  test('nothing of a user id reaches the terminal as a control', () => {
    const { message, ...rest } = answer('alice');
    const why = rest.why === null ? null : { ...rest.why, sentence: 'x\u001b[2J\u202e' };
    const recipients = message?.recipients.map((recipient) => ({ ...recipient, user: 'a\nb\u009b' })) ?? [];
    const changed = message === null ? null : { ...message, from: '\u001b]0;', recipients };
    const text = `${traceText({ ...rest, message: changed, why })}${whyText({ ...rest, message: changed, why })}`;
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).not.toContain('a\nb');
  });
});
