/** Conversations in tables, and the operations of this room over them, without a server. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { rigOf, type Rig } from '../members/test-rig.ts';
import type { Actor } from '../ports.ts';
import { senderOf, type Sender } from '../sending.ts';
import type { Kind, Tables } from '../tables.ts';
import { positionPortsOf, type PositionPorts } from './ports.ts';

export interface Told {
  readonly topic: string;
  readonly payload: JsonValue;
}

/** One node: its own connection to the database. */
export class PositionsRig {
  readonly database: ApplicationDatabase;
  readonly ports: PositionPorts;
  readonly sender: Sender;
  private readonly rig: Rig;

  constructor(database: ApplicationDatabase) {
    this.database = database;
    this.sender = senderOf(database);
    this.rig = rigOf(database);
    this.ports = positionPortsOf(this.rig.ports);
  }

  /** What was published, and forgotten then. */
  told(): readonly Told[] {
    return this.rig.published.splice(0).map(({ topic, message }) => ({ topic, payload: message.payload }));
  }

  async make(id: string, users: readonly string[], kind: Kind = 'group', tenant = ''): Promise<string> {
    await this.database.transaction<Tables, void>(async (tables) => {
      await tables
        .insertInto('conversations')
        .values({ tenant, id, kind, epoch: 'e', created_by: users[0] ?? '' })
        .execute();
      await tables
        .insertInto('members')
        .values(users.map((user) => ({ tenant, conversation: id, user_id: user })))
        .execute();
    });
    return id;
  }

  /** @returns its sequence */
  async send(conversation: string, sender: string, content = 'hello'): Promise<number> {
    const payload = JSON.stringify({ event: 'message', type: 'text', content });
    const sent = await this.sender.put({ tenant: '', conversation, sender, clientId: null, payload });
    if (typeof sent === 'string') throw new Error(`expected it to be sent, got ${sent}`);
    return sent.sequence;
  }

  /** An event that is no message: a reaction. */
  async react(conversation: string): Promise<number> {
    const { sql } = this.database;
    const { rows } = await sql<{ sequence: number }>`
      with head as (
        update conversations.conversations set head = head + 1, changed_at = clock_timestamp()
        where tenant = '' and id = ${conversation} returning head
      )
      insert into conversations.events (tenant, conversation, sequence, sender, payload, sent_at)
      select '', ${conversation}, head, 'somebody', '{"event":"reaction"}', clock_timestamp() from head returning sequence`.execute(
      this.database.tables(),
    );
    return rows[0]?.sequence ?? 0;
  }

  /** Of what is unread for somebody, message by message. */
  async counted(conversation: string, user: string): Promise<number> {
    const { rows } = await this.database.sql<{ unread: number }>`
      select count(*) as unread from conversations.events as event
      join conversations.members as member using (tenant, conversation)
      where event.tenant = '' and event.conversation = ${conversation} and member.user_id = ${user}
        and event.message is not null and event.sequence > member.read_to`.execute(this.database.tables());
    return rows[0]?.unread ?? -1;
  }
}

export function actor(user: string, tenant = ''): Actor {
  return { tenant, user, roles: ['user'] };
}
