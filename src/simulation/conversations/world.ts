/** Two nodes with one database and one Redis, members on them, and faults, all drawn from a seed. */
import type { Topic } from '../../protocol/topic.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { SimulatedLogs } from '../simulated-logs.ts';
import { SimulatedRedis } from '../simulated-redis.ts';
import { promise, Violation } from '../violation.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { ConversationsClient, type Confirmed, type Witness } from './client.ts';
import { ConversationsNode } from './node.ts';
import type { SimulatedTables } from './tables.ts';

const USERS = ['ada', 'bob', 'cyd'];
export const CONVERSATIONS = ['pair', 'all'];
const MEMBERS: Readonly<Record<string, readonly string[]>> = { pair: ['ada', 'bob'], all: USERS };
const NODES = 2;

export class ConversationsWorld implements Witness {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly redis: SimulatedRedis;
  readonly nodes: ConversationsNode[] = [];
  readonly clients: ConversationsClient[];
  readonly confirmedMessages: Confirmed[] = [];
  /** What readers were told, by topic and sequence. */
  readonly told = new Map<string, Map<number, string>>();
  /** Whether the database was away, or an answer of it was lost. */
  wasAway = false;
  /** The first thing that somebody found wrong. */
  violation: Violation | null = null;
  readonly tables: SimulatedTables;
  private made = 0;

  private constructor(seed: number, tables: SimulatedTables) {
    this.tables = tables;
    this.random = new SeededRandom(seed);
    const links = (): SimulatedLogs[] => this.nodes.filter(({ isAlive }) => isAlive).map(({ logs }) => logs);
    const witness = { stored: () => {}, renamed: () => {}, lost: () => {} };
    this.redis = new SimulatedRedis(this.clock, this.random, witness, (topic, notice, from) => {
      for (const link of links()) if (link !== from) link.published(topic, notice);
    });
    this.clients = USERS.map(
      (user) =>
        new ConversationsClient(
          user,
          CONVERSATIONS.filter((id) => MEMBERS[id]?.includes(user)),
          this,
        ),
    );
  }

  static async begin(seed: number, tables: SimulatedTables): Promise<ConversationsWorld> {
    const world = new ConversationsWorld(seed, tables);
    await tables.begin(world.clock);
    for (const id of CONVERSATIONS)
      await tables.query(`with made as (
        insert into conversations.conversations (tenant, id, kind, epoch, created_by)
        values ('', '${id}', 'group', 'epoch-conversation.${id}', 'ada'))
      insert into conversations.members (tenant, conversation, user_id)
      select '', '${id}', unnest(array['${MEMBERS[id]?.join("','")}'])`);
    for (let at = 0; at < NODES; at += 1) await world.startNode(at);
    await world.rest();
    for (const client of world.clients) client.connect(world.nodeAt(world.random.fraction()));
    return world;
  }

  nodeAt(choice: number): ConversationsNode {
    const node = this.nodes[Math.floor(choice * this.nodes.length)];
    if (node === undefined) throw new RangeError('expected a choice in [0, 1)');
    return node;
  }

  async startNode(at: number): Promise<void> {
    this.made += 1;
    const node = new ConversationsNode(`n${this.made}`, this);
    this.nodes[at] = node;
    await node.start();
  }

  /** Nodes that are no more. */
  get killed(): number {
    return this.made - this.nodes.length;
  }

  /** Lets everything go on that needs no time, no network and no other fault. */
  async rest(): Promise<void> {
    for (let round = 0; ; round += 1) {
      await this.tables.settled();
      if (!this.clock.hasTurn) break;
      promise(round < 1_000, 'the nodes come to rest', () => 'after 1,000 turns something goes on');
      this.clock.endTurn();
    }
    const failure = this.nodes.find((node) => node.failure !== null)?.failure ?? null;
    promise(failure === null, 'nothing throws', () => failure ?? '');
    if (this.violation !== null) throw this.violation;
  }

  confirmed(message: Confirmed): void {
    this.confirmedMessages.push(message);
  }

  read(topic: string, sequence: number, payload: string): void {
    const told = this.told.get(topic) ?? new Map<number, string>();
    this.told.set(topic, told);
    const before = told.get(sequence);
    promise(
      before === undefined || before === payload,
      'all readers get the same',
      () => `${topic} ${sequence} is ${before} and ${payload}`,
    );
    told.set(sequence, payload);
  }

  missed(what: string): void {
    promise(this.wasAway, 'readers miss nothing while the database is there', () => what);
  }

  found(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation ??= error;
    }
  }

  /** The log of a topic as Redis has it now. */
  logOf(topic: string): {
    readonly top: number;
    readonly epoch: string;
    readonly records: ReadonlyMap<number, string>;
  } {
    const page = this.redis.read(topic as Topic, { after: 'earliest', limit: 1_000, maxBytes: 1e9 }, Infinity);
    const records = new Map(page?.records.map(({ sequence, record }) => [sequence, record]));
    return { top: page?.top ?? 0, epoch: page?.epoch ?? '', records };
  }
}
