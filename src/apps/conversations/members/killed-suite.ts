/** A node that is killed between its commit and the word to the users: another node's relay says it, and nobody hears it twice. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../../database/database.ts';
import type { Ports } from '../ports.ts';
import { Relay } from '../relay.ts';
import { repeats } from './repeats.ts';
import { addMembers, createGroup, openPrivate, removeMember } from './members.ts';
import { actorOf, good, rigOf } from './test-rig.ts';

interface Heard {
  readonly user: string;
  readonly event: unknown;
  readonly key: string | undefined;
}

export function killedContract(name: string, open: () => Promise<ApplicationDatabase>): void {
  describe(`killed behind a commit: ${name}`, () => {
    let database: ApplicationDatabase;
    beforeAll(async () => {
      database = await open();
    }, 60_000);

    /** What inboxes were given, and what a node does whose word of it is lost. */
    function nodeOf(heard: Heard[], isDying: () => boolean): Ports {
      const { ports } = rigOf(database);
      const directMessage: Ports['host']['directMessage'] = async (to, { payload, idempotencyKey }) => {
        if (isDying()) throw new Error('killed');
        const { event } = payload as { readonly event: unknown };
        heard.push({ user: typeof to === 'string' ? to : to.user, event, key: idempotencyKey });
        return { id: 'id', position: null, duplicate: false };
      };
      return { ...ports, host: { ...ports.host, directMessage } };
    }

    async function relay(ports: Ports): Promise<void> {
      const host = {
        ...ports.host,
        logPosition: async () => ({ epoch: 'e', sequence: 0 }),
        scheduler: { ...ports.host.scheduler, every: () => ({ cancel: () => {} }) },
      };
      const own = new Relay(host, database, repeats(ports));
      await own.begin();
      await own.begin(0);
      await own.stop();
    }

    test('D-11: the members of a new conversation hear of it from the relay, once', async () => {
      const heard: Heard[] = [];
      let isDying = true;
      const dying = nodeOf(heard, () => isDying);
      await expect(openPrivate(dying, actorOf('kay'), { with: 'lou' })).rejects.toThrow('killed');
      expect(heard).toEqual([]);
      await relay(nodeOf(heard, () => false));
      expect(heard).toMatchObject([{ user: 'lou', event: 'conversation' }]);
      await relay(nodeOf(heard, () => false));
      expect(heard).toHaveLength(1);
      // Of a node that lives nothing is left to say.
      isDying = false;
      good(await openPrivate(dying, actorOf('kay'), { with: 'max' }));
      await relay(nodeOf(heard, () => false));
      expect(heard.slice(1)).toMatchObject([{ user: 'max', event: 'conversation' }]);
    });

    test('D-11: users that were added or removed hear of it, under the key that the killed node would have used', async () => {
      const heard: Heard[] = [];
      let isDying = false;
      const dying = nodeOf(heard, () => isDying);
      const made = good(await createGroup(dying, actorOf('kay'), { name: 'Group', members: ['lou', 'max'] }));
      const conversation = made.conversation.id;
      await relay(dying);
      heard.length = 0;
      isDying = true;
      const kay = actorOf('kay');
      await expect(addMembers(dying, kay, { conversation, users: ['ned'] })).rejects.toThrow('killed');
      await expect(addMembers(dying, kay, { conversation, users: ['oda'], invite: true })).rejects.toThrow('killed');
      await expect(removeMember(dying, kay, { conversation, user: 'max' })).rejects.toThrow('killed');
      isDying = false;
      good(await addMembers(dying, kay, { conversation, users: ['pia'] }));
      const [{ key } = { key: undefined }] = heard;
      await relay(nodeOf(heard, () => false));
      const told = heard.slice(1).map(({ user, event }) => `${user} ${String(event)}`);
      expect(told.toSorted()).toEqual(['max removed', 'ned conversation', 'oda invited', 'pia conversation']);
      expect(heard.find(({ user }, at) => at > 0 && user === 'pia')?.key).toBe(key);
      await relay(nodeOf(heard, () => false));
      expect(heard).toHaveLength(5);
    });
  });
}
