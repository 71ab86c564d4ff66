/** Files of customers: stored, late, gone, too large, of no known type. Whatever happens to a file, its text arrives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeRig } from '../../harness/bridge.ts';
import { within } from '../../harness/deadline.ts';
import { png } from '../../harness/media.ts';
import { POSTGRESQL } from '../../harness/postgresql-server.ts';

const NUMBER = '491707770001';

interface Message {
  readonly type: string;
  readonly content?: string;
  readonly attachments?: readonly { readonly url: string }[];
  readonly parent?: number;
  readonly metadata: { readonly whatsapp: { readonly state?: string } };
}

describe.skipIf(POSTGRESQL === null)('files', () => {
  let rig: BridgeRig;
  beforeAll(async () => {
    rig = await BridgeRig.open({
      settings: {
        'apps.media.public_url': 'http://files.example',
        'apps.bridge.media_bytes': '100000',
        'apps.bridge.media_wait_ms': '1000',
        'apps.bridge.media_ms': '10000',
        'apps.bridge.attempts': '2',
      },
    });
  });
  afterAll(() => rig.stop());

  async function image(id: string, caption: string | undefined, file?: Parameters<typeof rig.meta.files.set>[1]) {
    if (file !== undefined) rig.meta.files.set(id, file);
    const own = { id, mime_type: 'image/png', ...(caption !== undefined && { caption }) };
    const { wamid, taken } = rig.meta.say(NUMBER, { type: 'image', image: own });
    await taken;
    await rig.eventually(async () => (await traced(wamid))['status'] === 'sent', `the end of ${id}`);
    return wamid;
  }

  const traced = async (wamid: string): Promise<Readonly<Record<string, unknown>>> =>
    (await rig.traced(`wamid=${wamid}`))[0] ?? {};

  /** The conversation, as an agent reads it. */
  async function conversation(): Promise<readonly Message[]> {
    const { json } = await rig.ask(`/state/conversation?whatsappNumber=${NUMBER}`);
    const topic = `conversation.${(json as { conversation: string }).conversation}`;
    const path = `/api/topics/${topic}/history?limit=100`;
    const page = (await rig.ask(path, { user: 'agent' })).json as { messages: { data: { payload: Message } }[] };
    return page.messages.map(({ data }) => data.payload).filter((it) => it.metadata !== undefined);
  }

  test('W-37: a file is stored here, named by the message, and given to Genesys by a link that ends', async () => {
    const wamid = await image('photo', 'my dog', { bytes: png(5_000), mime: 'image/png' });
    expect(await traced(wamid)).toMatchObject({ kind: 'image', media: 'stored' });
    const told = (await conversation()).find(({ content }) => content === 'my dog');
    expect(told).toMatchObject({ type: 'image', attachments: [{ url: expect.any(String) }] });
    const { body = {} } = rig.desk.inbox.find(({ text }) => text === 'my dog') ?? {};
    const [content] = (body['content'] ?? []) as readonly {
      attachment: { url: string; mediaType: string; mime: string };
    }[];
    expect(content?.attachment).toMatchObject({ mediaType: 'Image', mime: 'image/png' });
    const link = new URL(content?.attachment.url ?? '');
    expect(link.origin).toBe('http://files.example');
    const given = await within(fetch(`${rig.node.url}${link.pathname}${link.search}`), 'the file');
    expect(Buffer.from(await given.arrayBuffer()).equals(png(5_000))).toBe(true);
  });

  test.each([
    ['gone', undefined, 'failed'],
    ['broken', { bytes: png(10), mime: 'image/png', status: 404 }, 'failed'],
    ['huge, and says so', { bytes: png(10), mime: 'image/png', says: 9_000_000 }, 'too_large'],
    ['huge, and says nothing', { bytes: png(200_000), mime: 'image/png', says: 10 }, 'too_large'],
    ['a riddle', { bytes: new TextEncoder().encode('MZ what is this?'), mime: 'image/png' }, 'wrong_type'],
  ] as const)('W-37: a file that is %s is marked, and its text arrives', async (id, file, state) => {
    const wamid = await image(id, `text of ${id}`, file);
    expect(await traced(wamid)).toMatchObject({ media: state });
    const told = (await conversation()).find(({ content }) => content === `text of ${id}`);
    expect(told).toMatchObject({ type: 'text', metadata: { whatsapp: { kind: 'media', state } } });
    expect(rig.desk.inbox.some(({ text }) => text === `text of ${id}`)).toBe(true);
  });

  test('W-37: a slow file lets its text go ahead, holds up no other text, and follows', async () => {
    const began = performance.now();
    const wamid = await image('slow', 'text of slow', { bytes: png(3_000), mime: 'image/png', slowMs: 4_000 });
    expect((await traced(wamid))['media']).toBe('pending');
    await rig.meta.say(NUMBER, 'and then').taken;
    await rig.eventually(() => rig.desk.inbox.some(({ text }) => text === 'and then'), 'the next text');
    expect((await traced(wamid))['media']).toBe('pending');
    await rig.eventually(async () => (await traced(wamid))['media'] === 'stored', 'the file');
    expect(performance.now() - began).toBeGreaterThan(4_000);
    const all = await conversation();
    const text = all.find(({ content }) => content === 'text of slow');
    const file = all.find(({ parent }) => parent !== undefined);
    expect(text).toMatchObject({ type: 'text', metadata: { whatsapp: { state: 'pending' } } });
    expect(file).toMatchObject({ type: 'image', metadata: { whatsapp: { state: 'stored' } } });
    await rig.eventually(
      () => rig.desk.inbox.some(({ messageId }) => messageId.endsWith('.file')),
      'Genesys to have it',
    );
  });
});
