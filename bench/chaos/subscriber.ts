/** Listens, goes away, comes back somewhere else with its positions; some stop reading for a while. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulation/seeded-random.ts';
import type { ClientLink, Frame, FrameData, PositionOnWire } from './client-link.ts';
import { heardBy, type GapCause, type Heard } from './record.ts';
import { enter, type Scene } from './scene.ts';

export interface SubscriberHabits {
  readonly name: string;
  /** A pattern instead of the names of all topics. */
  readonly pattern: string | null;
  readonly stalls: boolean;
}

/** Milliseconds, from and to. */
const STAYS = [1_500, 9_000] as const;
const IS_AWAY = [0, 2_500] as const;
const STALLS = [2_000, 5_000] as const;
const ASKS_AGAIN = [50, 300] as const;

export class Subscriber {
  private readonly scene: Scene;
  private readonly random: SeededRandom;
  private readonly habits: SubscriberHabits;
  private readonly positions = new Map<string, PositionOnWire>();
  private readonly heard: Heard[];
  private isSettling = false;
  private isStopped = false;
  private link: ClientLink | null = null;

  constructor(scene: Scene, random: SeededRandom, habits: SubscriberHabits) {
    this.scene = scene;
    this.random = random;
    this.habits = habits;
    this.heard = heardBy(scene.record, habits.name);
  }

  /** Until {@link stop}. */
  async run(): Promise<void> {
    while (!this.isStopped) {
      const link = await enter(
        // A proxy would read on for a client that does not.
        this.habits.stalls ? this.scene.nodeDoors : this.scene.doors,
        this.random,
        this.habits.name,
        (frame) => this.received(frame),
        () => !this.isStopped,
      );
      if (link === null) return;
      this.link = link;
      if (await this.subscribe(link)) await this.listen(link);
      link.leave(this.random.chance(0.5));
      if (!this.isSettling) await pause(this.random.between(...IS_AWAY));
    }
  }

  /** From now on it stays, reads, and only comes back when it is thrown out. */
  settle(): void {
    this.isSettling = true;
  }

  stop(): void {
    this.isStopped = true;
    this.link?.leave(true);
  }

  /** The first position of every topic is known. */
  get hasJoined(): boolean {
    return this.scene.topics.every((topic) => this.positions.has(topic));
  }

  private async listen(link: ClientLink): Promise<void> {
    const until = performance.now() + this.random.between(...STAYS);
    while (link.isOpen && (this.isSettling || performance.now() < until)) {
      if (this.habits.stalls && !this.isSettling && this.random.chance(0.1)) await this.stall(link);
      await Promise.race([link.closed, pause(100)]);
    }
  }

  private async stall(link: ClientLink): Promise<void> {
    link.stall();
    await pause(this.random.between(...STALLS));
    link.readOn();
  }

  /** Asks again for what is refused, as it is while Redis is away. */
  private async subscribe(link: ClientLink): Promise<boolean> {
    let wanted = this.entries();
    while (link.isOpen) {
      const reply = await link.ask('Subscribe', { topics: wanted });
      if (reply === null) return false;
      const rejected = reply.type === 'Error' ? null : (reply.data.details?.rejected ?? []);
      if (rejected?.length === 0) return true;
      const again = new Set(rejected?.map(({ topic }) => topic));
      const all = this.entries();
      wanted = rejected === null || this.habits.pattern !== null ? all : all.filter(({ topic }) => again.has(topic));
      await pause(this.random.between(...ASKS_AGAIN));
    }
    return false;
  }

  private entries(): readonly { readonly topic: string }[] {
    const { pattern } = this.habits;
    if (pattern !== null) return [{ topic: pattern, ...this.patternPositions() }];
    return this.scene.topics.map((topic) => ({ topic, ...this.positions.get(topic) }));
  }

  private patternPositions(): { readonly positions?: Readonly<Record<string, PositionOnWire>> } {
    return this.positions.size === 0 ? {} : { positions: Object.fromEntries(this.positions) };
  }

  private received({ type, data }: Frame): void {
    if (type === 'Broadcast') this.delivered(data);
    else if (type === 'Gap') this.announced(data);
    else if (type === 'Status' && data.status === 'subscribed') this.subscribed(data);
  }

  private delivered({ topic = '', epoch = '', sequence = 0, payload }: FrameData): void {
    this.positions.set(topic, { epoch, sequence });
    const name = payload?.name ?? '';
    this.heard.push({ kind: 'received', at: this.scene.now(), topic, epoch, sequence, payload: name });
  }

  private announced({ topic = '', epoch = '', sequence = 0, cause = '', from = 0, to = sequence }: FrameData): void {
    this.positions.set(topic, { epoch, sequence: to });
    this.heard.push({
      kind: 'gap',
      at: this.scene.now(),
      topic,
      cause: cause as GapCause,
      epoch,
      from: Number(from),
      to,
    });
  }

  /** Where it had no position yet, the one that it is told is the first. */
  private subscribed({ details }: FrameData): void {
    for (const [topic, { epoch, sequence }] of Object.entries(details?.positions ?? {})) {
      if (this.positions.has(topic)) continue;
      this.positions.set(topic, { epoch, sequence });
      this.heard.push({ kind: 'joined', at: this.scene.now(), topic, epoch, sequence });
    }
  }
}
