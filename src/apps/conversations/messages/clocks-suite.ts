/** What nodes with wrong clocks do with messages, on whichever database. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { isRefusal, type Refusal } from '../../../protocol/errors.ts';
import { messagesOf } from './page.ts';
import { send, type SentMessage } from './send.ts';
import { actorOf, makeConversation, NO_UPLOADS, rigOf, type Rig } from './test-rig.ts';
import type { MessageView } from './view.ts';

const ada = actorOf('ada');
const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

function told<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`expected an answer, got ${answer.reason}: ${answer.message}`);
  return answer;
}

export function clocksContract(name: string, open: () => Promise<readonly [ApplicationDatabase, unknown]>): void {
  describe(`messages by wrong clocks: ${name}`, () => {
    let database: ApplicationDatabase;
    beforeAll(async () => {
      [database] = await open();
    }, 60_000);

    const pageOf = async (conversation: string): Promise<readonly MessageView[]> =>
      told(await messagesOf(rigOf(database).ports, ada, { conversation })).messages;

    test('D-29: on nodes whose clocks are two hours apart messages are in one order, with times that never go back, and told once', async () => {
      const HOUR_MS = 3_600_000;
      const rigs = [-HOUR_MS, HOUR_MS].map((offMs) => {
        const clock = { now: () => Date.now() + offMs, elapsed: () => performance.now() };
        return rigOf(database, NO_UPLOADS, clock);
      });
      const conversation = await makeConversation(database);
      const sent: SentMessage[] = [];
      const body = (at: number): object => ({
        content: `${at}`,
        // The time of a client is a word of the message like others.
        metadata: { sentAt: Date.now() - at * HOUR_MS },
        mentions: ['bob'],
      });
      const say = async (at: number): Promise<SentMessage> =>
        told(
          await send((rigs[at % 2] as Rig).ports, ada, { conversation, clientId: `c-${at}`, body: { ...body(at) } }),
        );
      const begun = Date.now();
      for (let at = 1; at <= 6; at += 1) sent.push(await say(at));
      expect(sent.map(({ sequence }) => sequence)).toEqual(numbers(6));
      const times = sent.map(({ timestamp }) => timestamp);
      expect(times).toEqual([...times].toSorted((one, two) => one - two));
      for (const time of times) expect(Math.abs(time - begun)).toBeLessThan(HOUR_MS / 2);
      expect((await pageOf(conversation)).map(({ content }) => content)).toEqual(numbers(6).map(String));
      // The other node is asked again, at once and after longer than anybody knows what was told.
      const { told: notices } = rigs[1] as Rig;
      notices.length = 0;
      const again = (): Promise<SentMessage> =>
        send((rigs[1] as Rig).ports, ada, { conversation, clientId: 'c-6', body: { ...body(6) } }).then(told);
      expect(await again()).toMatchObject({ duplicate: true, sequence: 6 });
      await vi.waitFor(() => expect(notices).toHaveLength(1), 30_000);
      await database.sql`update conversations.events set sent_at = sent_at - interval '10 minutes'
        where conversation = ${conversation}`.execute(database.tables());
      await again();
      await (rigs[0] as Rig).ports.database.sql`select 1`.execute(database.tables());
      expect(notices).toHaveLength(1);
    });
  });
}
