/** Uploads that messages of conversations name, on two nodes that share a database and a folder. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { connect } from '../harness/client.ts';
import { MediaServer, png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';

describe.skipIf(POSTGRESQL === null)('two nodes', () => {
  let postgresql: PostgresqlServer;
  let one: MediaServer;
  let two: MediaServer;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    const shared = { 'database.url': await postgresql.database() };
    one = await MediaServer.open(shared, conversations);
    two = await MediaServer.open({ ...shared, 'apps.media.folder': one.folder }, conversations);
  });
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()]);
    postgresql.end();
  });

  async function uploaded(user: string, conversation: string): Promise<string> {
    const { json } = await one.begin(user, { conversation });
    expect((await one.put(json.uploadUrl, png(700))).status).toBe(200);
    return json.publicUrl as string;
  }

  test('A-29: what one of them has begun the other takes, and the links of one are good at the other', async () => {
    const { uploadUrl, publicUrl } = (await one.begin('ada', { conversation: undefined })).json;
    expect((await two.put(uploadUrl, png(700))).status).toBe(200);
    const { links } = (await two.ask('/apps/media/links', { user: 'ada', json: { urls: [publicUrl] } })).json;
    expect((await one.ask(links[0].link)).bytes.equals(png(700))).toBe(true);
  });

  test('A-32: a message names own uploads of its conversation, and its members see them from then on', async () => {
    const ada = await connect(one.server.port, { user: 'ada' });
    const create = async (other: string): Promise<string> => {
      const { data } = await ada.ask('X-ConversationCreate', { kind: 'private', with: other });
      return (data.details as { conversation: { id: string } }).conversation.id;
    };
    const [withBob, withZoe] = [await create('bob'), await create('zoe')];
    const send = (conversation: string, attachments: readonly string[]) =>
      ada.ask('X-ConversationSend', { conversation, type: 'image', attachments });
    const [own, others] = [await uploaded('ada', withBob), await uploaded('ada', withZoe)];
    for (const named of [others, await uploaded('bob', withBob), 'https://elsewhere.example/cat.png'])
      expect((await send(withBob, [own, named])).data).toMatchObject({ reason: 'invalid_field', code: 400 });
    expect((await one.ask(own, { user: 'bob' })).status).toBe(404);
    expect((await send(withBob, [own])).type).toBe('Status');
    expect((await one.ask(own, { user: 'bob' })).bytes.equals(png(700))).toBe(true);
    for (const user of ['zoe', 'eve']) expect((await two.ask(own, { user })).status).toBe(404);
    expect((await one.begin('eve', { conversation: withBob })).status).toBe(404);
  });
});
