/** A message of either side in its conversation of this server: opened once, told once. */
import type { Refusal } from '../../../protocol/errors.ts';
import { ERRORS } from '../../../protocol/errors.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import { listOf } from '../transforms/fields.ts';
import { MAX_CONTENT, type ConversationBody } from '../transforms/to-conversation.ts';
import type { Mapped } from '../mapping/mapping.ts';
import { customerUser, DESK, type Ports } from '../ports.ts';

/** Conversations that a node knows to be there. */
const MOST_OPEN = 20_000;
const MAX_NAME = 100;

/** Where a message is in its conversation. */
export interface Told {
  readonly sequence: number;
  /** The id of the message that was published. */
  readonly published: string;
}

/** The conversation does not take it. `isTemporary`: now. */
export class ConversationError extends Error {
  override readonly name = 'ConversationError';
  readonly isTemporary: boolean;

  constructor(refusal: Refusal) {
    super(`the conversation refused it: ${refusal.reason}`);
    this.isTemporary = ERRORS[refusal.reason].temporary;
  }
}

export class Telling {
  private readonly ports: Ports;
  private readonly open = new Map<string, true>();

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** @throws ConversationError */
  async opened({ mapping, customer }: Pick<Mapped, 'mapping' | 'customer'>): Promise<void> {
    const { host, conversations } = this.ports;
    const { tenant, id } = mapping;
    const key = `${tenant}/${id}`;
    if (this.open.has(key)) return;
    const agents = await this.agentsOf(tenant);
    const users = [...new Set(agents)].filter((user) => user !== DESK && user !== customerUser(customer.id));
    const answer = await conversations.open({
      tenant,
      id,
      ...(customer.name !== null && { name: customer.name.slice(0, MAX_NAME).toWellFormed() }),
      metadata: { bridge: 'whatsapp', customer: customer.id, phoneNumberId: customer.phone_number_id },
      members: [
        { user: customerUser(customer.id), role: 'member', label: 'customer' },
        { user: DESK, role: 'member', label: 'agent' },
        // They look on: an agent answers at Genesys.
        ...users.map((user) => ({ user, role: 'reader' as const })),
      ],
    });
    if (host.isRefusal(answer)) throw new ConversationError(answer);
    // Another node may be making it at this moment: those who look on follow it before the first message, not soon after.
    const topics = [conversations.topicOf(id), conversations.liveTopicOf(id)];
    if (!answer.isNew) await Promise.all(users.map((user) => host.subscribe({ tenant, user }, topics)));
    this.open.set(key, true);
    dropOldest(this.open, MOST_OPEN);
  }

  /**
   * Twice is once: the id of the row is the sender's own id.
   * @returns the place of the first part. @throws ConversationError
   */
  async tell(mapped: Mapped, sender: string, bodies: readonly ConversationBody[], part = ''): Promise<Told> {
    const { host, conversations } = this.ports;
    await this.opened(mapped);
    const { tenant, id: conversation } = mapped.mapping;
    let first: Told | null = null;
    for (const [at, body] of bodies.entries()) {
      const sent = await conversations.send({
        tenant,
        sender,
        conversation,
        clientId: `${mapped.message.id}${part}${at === 0 ? '' : `.${at + 1}`}`,
        body: { ...body },
        maxContent: MAX_CONTENT,
      });
      if (host.isRefusal(sent)) throw new ConversationError(sent);
      first ??= { sequence: sent.sequence, published: sent.messageId };
    }
    if (first === null) throw new Error('expected something to tell');
    this.ports.counts.messages.add(1, 'conversation');
    return first;
  }

  /** Of the tenant, where it says some. */
  private async agentsOf(tenant: string): Promise<readonly string[]> {
    const { tenants, settings } = this.ports;
    const given = (await tenants.get(tenant))?.settings['agents'];
    if (given === undefined) return settings.agents;
    return listOf(given)
      .filter((user) => typeof user === 'string' && user !== '')
      .slice(0, 100) as readonly string[];
  }
}
