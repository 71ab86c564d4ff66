/** The client library in a world: its sockets end at the node, its time is virtual, and what it does is checked. */
import { createClient, type Client } from '../client/client.ts';
import type { Environment, LifecycleEvent, Transport } from '../client/environment.ts';
import { overHttp } from '../client/sse/index.ts';
import type { Since } from '../client/subscription-ports.ts';
import { directTopic, ME } from '../protocol/topic.ts';
import { LibraryReader } from './library-reader.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedBroker } from './simulated-broker.ts';
import { SimulatedHttp } from './simulated-http.ts';
import { SimulatedSocket, type SocketWatch } from './simulated-socket.ts';
import { tokenOf } from './simulated-token.ts';
import { promise, Violation } from './violation.ts';
import type { VirtualClock } from './virtual-clock.ts';
import type { World } from './world.ts';

/** What a test may change to plant a bug. */
export type Planted = (environment: Environment) => Environment;

export class LibraryClient implements SocketWatch {
  readonly name: string;
  readonly client: Client;
  readonly readers: LibraryReader[] = [];
  sockets: SimulatedSocket[] = [];
  /** Payloads by topic, in the order in which they were published. */
  readonly published = new Map<string, string[]>();
  unsettled = 0;
  private readonly world: World;
  private readonly clock: VirtualClock;
  private readonly isStrict: boolean;
  /** In every other world its tokens subscribe it, whatever its readers want. */
  private readonly given: { readonly subscribe?: readonly string[] };
  private tokens = 0;
  private hasErrors = false;
  private wasOpened = false;
  private hasMoved = false;
  /** Readers that there ever were that commit positions, by topic. */
  private readonly storing = new Map<string, number>();
  private readonly rejected = new Set<string>();
  private lived: (event: LifecycleEvent) => void = () => {};
  /** `topic epoch sequence` of everything that it was told. */
  private readonly places = new Set<string>();

  /** The way around, for a client whose WebSockets never come through. */
  readonly http: SimulatedHttp | null;

  private readonly transport: Transport;

  /** @param transport the only one that comes through */
  constructor(
    name: string,
    seed: number,
    world: World,
    clock: VirtualClock,
    planted: Planted,
    transport: Transport = 'websocket',
  ) {
    this.transport = transport;
    this.http = transport === 'websocket' ? null : new SimulatedHttp(world, this);
    // Streams follow one another, and requests are sent again.
    this.hasMoved = this.http !== null;
    this.hasErrors = this.http !== null;
    this.name = name;
    this.world = world;
    this.clock = clock;
    const random = new SeededRandom(seed);
    this.isStrict = random.chance(0.5);
    this.given = seed % 2 === 0 ? { subscribe: ['chat.a', 'chat.b', 'chat.*'] } : {};
    this.client = createClient({
      url: 'ws://sim/ws',
      token: () => this.token(),
      buffer: { maxMessages: random.between(2, 8) },
      environment: planted(this.environment(random)),
      ...(this.http !== null &&
        transport !== 'websocket' && { fallback: overHttp({ transports: [transport], http: this.http.post }) }),
    });
    this.client.on('violation', (topic) => this.fault('a hole is never unannounced', topic));
    this.client.on('error', ({ reason, message }) => {
      if (reason === 'handler_failed') this.fault('nothing throws', message);
    });
  }

  get isLive(): boolean {
    return (
      this.client.state.status === 'connected' && this.readers.every(({ topic }) => this.stateOf(topic) === 'live')
    );
  }

  /** The sockets that it holds. */
  get held(): SimulatedSocket[] {
    return this.sockets.filter(({ isOver }) => !isOver);
  }

  stateOf(topic: string): string {
    return this.client.topic(topic).state;
  }

  read(topic: string, since: Since): void {
    const { client, name, world } = this;
    // What others say between two polls is gone, so that such topics are refused.
    if (this.transport === 'poll' && topic === 'typing.x') return;
    const nodeTopic = topic === ME ? directTopic('', name) : topic;
    const isAlone = (): boolean => since === 'stored' && this.storing.get(topic) === 1;
    // Another reader may be ahead, and commits then.
    if (since === 'stored') this.storing.set(topic, (this.storing.get(topic) ?? 0) + 1);
    const reader = new LibraryReader(name, topic, nodeTopic, world.ledger, () =>
      isAlone() ? client.topic(topic).position : undefined,
    );
    reader.hasMoved = this.hasMoved;
    this.readers.push(reader);
    const take = (item: Parameters<LibraryReader['take']>[0]): unknown => {
      try {
        return reader.take(item);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        world.found ??= error;
        return undefined;
      }
    };
    reader.stop = client.topic(topic).on({ message: take, gap: take, live: take }, { since });
  }

  stopReading(choice: number): void {
    const [reader] = this.readers.splice(Math.floor(choice * this.readers.length), 1);
    reader?.stop();
  }

  /** The queue below `publish()` is used, because it answers without a promise: a step is over when it returns. */
  publish(topic: string, payload: string): void {
    const list = this.published.get(topic) ?? [];
    this.published.set(topic, list);
    list.push(JSON.stringify(payload));
    this.unsettled += 1;
    let times = 0;
    const order = this.isStrict ? 'strict' : 'pipelined';
    this.client.publishes?.publish('Broadcast', topic, payload, { order }, (error, receipt) => {
      times += 1;
      this.unsettled -= 1;
      if (times > 1) this.fault('a publish is settled once', payload);
      if (error !== null) this.rejected.add(JSON.stringify(payload));
      const { epoch, sequence } = receipt ?? {};
      if (epoch !== undefined && sequence !== undefined)
        this.attempt(() => this.world.ledger.check(topic, epoch, sequence, JSON.stringify(payload)));
    });
  }

  live(event: LifecycleEvent): void {
    this.lived(event);
  }

  /** @throws Violation */
  check(): void {
    const { state } = this.client;
    const most = state.status === 'connected' && state.isDraining ? 2 : 1;
    const open = this.held.length;
    promise(open <= most, 'one socket, two while one replaces the other', () => `${this.name} holds ${open}`);
  }

  /** Messages of one topic are stored in the order in which they were published. */
  checkOrder(): void {
    // A refusal, also one whose answer was lost, lets a later one pass unless the order is strict.
    const { world } = this;
    const mayPass = this.hasErrors || world.conditions.broker.refuses > 0 || !(world.broker instanceof SimulatedBroker);
    if (mayPass && !this.isStrict) return;
    for (const [topic, payloads] of this.published) {
      const stored = payloads.filter((payload) => this.world.ledger.orderOf(payload) !== undefined);
      const sorted = stored.toSorted(
        (a, b) => (this.world.ledger.orderOf(a) ?? 0) - (this.world.ledger.orderOf(b) ?? 0),
      );
      promise(
        stored.join() === sorted.join(),
        'publishes keep their order',
        () => `${this.name} has published ${stored.join()} to ${topic}, and stored is ${sorted.join()}`,
      );
    }
  }

  /** Arrived messages are handled. @returns whether there was something */
  deliver(): boolean {
    let isBusy = false;
    for (const socket of this.sockets) while (socket.deliver()) isBusy = true;
    this.sockets = this.held;
    return this.http?.deliver() === true || isBusy;
  }

  // What its sockets tell

  sent(text: string): void {
    const { type, data } = JSON.parse(text) as { readonly type: string; readonly data: { readonly topics: unknown[] } };
    if (type !== 'Subscribe') return;
    for (const entry of data.topics as (string | { topic: string; epoch?: string; sequence?: number })[]) {
      if (typeof entry === 'string' || entry.epoch === undefined) continue;
      const place = `${entry.topic} ${entry.epoch} ${entry.sequence}`;
      if (!this.places.has(place)) this.fault('a resume begins where the client was', `${this.name} asks for ${place}`);
    }
  }

  arrives(text: string): void {
    const value = JSON.parse(text) as Arrived | readonly Arrived[];
    for (const frame of Array.isArray(value) ? (value as readonly Arrived[]) : [value as Arrived]) {
      const { type, data } = frame;
      if (data.status === 'draining') this.moves();
      if (type === 'Error' && frame.reply_to !== undefined) this.hasErrors = true;
      const topic = type === 'DirectMessage' ? ME : data.topic;
      if (topic !== undefined && data.epoch !== undefined) this.know(topic, data.epoch, data.to ?? data.sequence);
      const { positions, messages, position, topic: asked } = data.details ?? {};
      for (const [name, { epoch, sequence }] of Object.entries(positions ?? {})) this.know(name, epoch, sequence);
      for (const message of messages ?? []) this.know(asked ?? '', message.data.epoch ?? '', message.data.sequence);
      if (position !== undefined) this.know(asked ?? '', position.epoch, position.sequence);
    }
  }

  private moves(): void {
    this.hasMoved = true;
    for (const reader of this.readers) reader.hasMoved = true;
  }

  closed(socket: SimulatedSocket, code: number): void {
    if (code >= 4300 && code < 4400) this.rejected.add(socket.token);
  }

  private know(topic: string, epoch: string, sequence = 0): void {
    this.places.add(`${topic} ${epoch} ${sequence}`);
    // The one before: it is where a reader stands that was told of a loss up to it.
    this.places.add(`${topic} ${epoch} ${sequence - 1}`);
  }

  private environment(random: SeededRandom): Environment {
    const { clock, name } = this;
    return {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      after: (ms, work) => {
        const timer = clock.after(ms, work);
        return () => timer.cancel();
      },
      random: () => random.fraction(),
      id: () => name,
      open: (url, protocols) => {
        const socket = new SimulatedSocket(
          this.world.conditions.kernelBytes,
          url,
          protocols,
          (...line) => (this.http === null ? this.world.admit(...line) : undefined),
          this,
        );
        if (this.http !== null) socket.link.break();
        if (this.rejected.has(socket.token)) this.fault('a token that was refused is not used again', this.name);
        // Answers were lost with the connection before, refusals among them.
        this.hasErrors ||= this.wasOpened;
        this.wasOpened = true;
        this.sockets.push(socket);
        return socket;
      },
      lifecycle: (listener) => {
        this.lived = listener;
        return () => {
          this.lived = () => {};
        };
      },
    };
  }

  private token(): string {
    this.tokens += 1;
    return tokenOf({ sub: this.name, jti: String(this.tokens), ...this.given });
  }

  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.world.found ??= error;
    }
  }

  private fault(name: string, details: string): void {
    this.world.found ??= new Violation(name, details);
  }
}

interface Arrived {
  readonly type: string;
  readonly reply_to?: string;
  readonly data: {
    readonly status?: string;
    readonly topic?: string;
    readonly epoch?: string;
    readonly sequence?: number;
    readonly to?: number;
    readonly details?: {
      readonly topic?: string;
      readonly positions?: Readonly<Record<string, { readonly epoch: string; readonly sequence: number }>>;
      readonly position?: { readonly epoch: string; readonly sequence: number };
      readonly messages?: readonly Arrived[];
    };
  };
}
