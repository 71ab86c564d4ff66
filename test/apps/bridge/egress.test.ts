/** Messages to phones when WhatsApp refuses, limits, fails and loses answers: calls, order, pauses and ends as the rows say. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BridgeRig } from '../../harness/bridge.ts';
import { BRIDGE_QUEUES, openBridgeQueues, type BridgeQueues } from '../../harness/bridge-queues.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';

let numbers = 491_706_000_000;

describe.skipIf(POSTGRESQL === null).each(BRIDGE_QUEUES)('to the phone, queues: %s', (kind) => {
  let rig: BridgeRig;
  let queues: BridgeQueues;
  beforeAll(async () => {
    queues = await openBridgeQueues(kind);
    rig = await BridgeRig.open({ settings: { 'apps.bridge.attempts': '4', ...queues.settings } });
  });
  afterAll(async () => {
    await rig.stop();
    queues.end();
  });
  beforeEach(() => {
    rig.meta.script.length = 0;
    rig.meta.statuses = [];
  });

  const newNumber = (): string => String((numbers += 1));
  const endOf = async (id: string, status: string): Promise<Readonly<Record<string, unknown>>> => {
    await rig.eventually(
      async () => (await rig.traced(`genesysId=${id}`))[0]?.['status'] === status,
      `${status} of ${id}`,
    );
    return (await rig.traced(`genesysId=${id}`))[0] ?? {};
  };
  const deadOf = async (id: string): Promise<boolean> => {
    const letters = await rig.dead('outbound-genesys-messages');
    return letters.some(({ body }) => (body as { id?: string }).id === id);
  };

  test('W-18: 429 waits as told, 500 is repeated with a pause, and then it is sent once', async () => {
    const number = newNumber();
    rig.meta.script.push({ status: 429, headers: { 'retry-after': '1' } }, { status: 500 });
    const began = performance.now();
    const { id, taken } = rig.desk.say(number, 'at last');
    await taken;
    await endOf(id, 'sent');
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
    expect(rig.meta.phone(number)).toEqual(['at last']);
  });

  test('W-18: 400 is never repeated: failed with its reason, a dead letter, and Genesys is told', async () => {
    const number = newNumber();
    rig.meta.script.push({ status: 400, body: { error: { code: 131_009, message: 'Parameter value is not valid' } } });
    const { id, taken } = rig.desk.say(number, 'wrong');
    await taken;
    expect(await endOf(id, 'failed')).toMatchObject({ reason: 'WhatsApp answered 400, error 131009' });
    expect(rig.meta.phone(number)).toEqual([]);
    await rig.eventually(
      () => rig.desk.receipts.some((one) => one.id === id && one.status === 'Failed'),
      'the receipt',
    );
    await rig.eventually(() => deadOf(id), 'the dead letter');
    // Somebody has mended it: a replay is that one's word.
    expect(await rig.replay('outbound-genesys-messages')).toBeGreaterThan(0);
    await endOf(id, 'sent');
    expect(rig.meta.phone(number)).toEqual(['wrong']);
  });

  test('W-18: 401 reads the credentials anew, and ends as failed when they stay wrong', async () => {
    const [number, good] = [newNumber(), rig.meta.token];
    rig.meta.token = 'another-token';
    const { id, taken } = rig.desk.say(number, 'no token');
    await taken;
    expect(await endOf(id, 'failed')).toMatchObject({ reason: 'WhatsApp answered 401, error 190' });
    expect(rig.meta.phone(number)).toEqual([]);
    rig.meta.token = good;
    await rig.replay('outbound-genesys-messages');
    await endOf(id, 'sent');
  });

  test('W-18: 5xx for ever ends after the attempts', async () => {
    const number = newNumber();
    rig.meta.script.push(...Array.from({ length: 4 }, () => ({ status: 503 })));
    const { id, taken } = rig.desk.say(number, 'never');
    await taken;
    expect(await endOf(id, 'failed')).toMatchObject({ reason: 'WhatsApp answered 503' });
    expect(rig.meta.script).toEqual([]);
  });

  test('W-19: the second message of a customer waits for the first one, and those of others do not', async () => {
    const [slow, fast] = [newNumber(), newNumber()];
    rig.meta.script.push({ status: 500 }, { status: 500 });
    await rig.desk.say(slow, 'one').taken;
    await rig.eventually(() => rig.meta.script.length < 2, 'the first call');
    await rig.desk.say(slow, 'two').taken;
    await rig.eventually(() => rig.meta.script.length === 0, 'the second call');
    await rig.desk.say(fast, 'other').taken;
    await rig.eventually(() => rig.meta.phone(slow).length === 2 && rig.meta.phone(fast).length === 1, 'all of them');
    expect(rig.meta.phone(slow)).toEqual(['one', 'two']);
  });

  test('a lost answer is not sent again: a status tells, or it is unknown until somebody replays it', async () => {
    const [told, untold] = [newNumber(), newNumber()];
    rig.meta.statuses = ['sent', 'delivered'];
    rig.meta.script.push({ cut: 'after' });
    const first = rig.desk.say(told, 'lost, and told');
    await first.taken;
    expect(await endOf(first.id, 'delivered')).toMatchObject({ hasWamid: true });
    expect(rig.meta.phone(told)).toEqual(['lost, and told']);

    rig.meta.statuses = [];
    rig.meta.script.push({ cut: 'before' });
    const second = rig.desk.say(untold, 'lost');
    await second.taken;
    await endOf(second.id, 'unknown');
    await rig.eventually(() => deadOf(second.id), 'the dead letter');
    expect(rig.meta.phone(untold)).toEqual([]);
    // The webhook again is a repetition, and no word of an operator.
    await rig.desk.server.send(rig.desk.outbound(second.id, untold, { type: 'Text', text: 'lost' }));
    await rig.eventually(async () => (await rig.depth('outbound-genesys-messages')) === 0, 'the queue to be empty');
    expect(rig.meta.phone(untold)).toEqual([]);
    await rig.replay('outbound-genesys-messages');
    await endOf(second.id, 'sent');
    expect(rig.meta.phone(untold)).toEqual(['lost']);
  });

  test('W-16: the same webhook of Genesys five times is one call', async () => {
    const number = newNumber();
    const { id, taken } = rig.desk.say(number, 'five times', 5);
    await taken;
    await endOf(id, 'sent');
    await rig.eventually(async () => (await rig.depth('outbound-genesys-messages')) === 0, 'the queue to be empty');
    expect(rig.meta.phone(number)).toEqual(['five times']);
  });

  test('W-13: files, buttons and long texts of agents; what they read and that they type', async () => {
    const number = newNumber();
    const { wamid, taken } = rig.meta.say(number, 'hello');
    await taken;
    await rig.eventually(() => rig.desk.inbox.some(({ from }) => from === number), 'Genesys to have it');
    const long = Array.from({ length: 1_500 }, (_, n) => `word${n}`).join(' ');
    await rig.desk.say(number, { type: 'Text', text: long }).taken;
    const attachment = { mediaType: 'Image', url: 'https://files.example/a.png', mime: 'image/png' };
    await rig.desk.say(number, { type: 'Text', text: 'see', content: [{ contentType: 'Attachment', attachment }] })
      .taken;
    await rig.eventually(() => rig.meta.phone(number).at(-1) === 'image https://files.example/a.png', 'the image');
    const parts = rig.meta.phone(number).slice(0, -1);
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.join(' ')).toBe(long);
    const inbox = rig.desk.inbox.find(({ from }) => from === number);
    await rig.desk.server.send(rig.desk.outbound(inbox?.id ?? '', number, { type: 'Receipt', status: 'Read' }));
    const typing = { type: 'Event', events: [{ eventType: 'Typing', typing: { type: 'On' } }] };
    await rig.desk.server.send(rig.desk.outbound('typing-1', number, typing));
    await rig.eventually(() => rig.meta.read.filter((one) => one.wamid === wamid).length === 2, 'both');
    expect(rig.meta.read.filter((one) => one.wamid === wamid)).toEqual([
      { wamid, isTyping: false },
      { wamid, isTyping: true },
    ]);
  });

  test('a kind that no phone shows is failed, and no customer is sent a placeholder', async () => {
    const number = newNumber();
    const { id, taken } = rig.desk.say(number, {
      type: 'Structured',
      content: [{ contentType: 'Hologram', hologram: {} }],
    });
    await taken;
    await endOf(id, 'failed');
    expect(rig.meta.phone(number)).toEqual([]);
  });
});
