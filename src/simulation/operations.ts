/** What can happen in a world. An operation is a name and a few numbers, so that a schedule can be shortened and replayed. */
import { looksLikePattern, ME } from '../protocol/topic.ts';
import { CONFLATED, conflatedPayload } from './conflated-reader.ts';
import type { SeededRandom } from './seeded-random.ts';
import { OWNED } from './simulated-owner.ts';
import type { SimulatedClient } from './simulated-client.ts';
import type { World } from './world.ts';

export interface Operation {
  readonly name: OperationName;
  /** In [0, 1): choices that the operation makes. */
  readonly a: number;
  readonly b: number;
}

const TOPICS = ['chat.a', 'chat.b', 'chat.c', 'chat.n', 'typing.x', CONFLATED, ME, 'chat.*', 'chat.**'] as const;
const PUBLISHABLE = ['chat.a', 'chat.b', 'chat.c', 'chat.n', 'typing.x', CONFLATED] as const;

type Run = (world: World, operation: Operation) => void;

/** Each with how often it is drawn, relative to the others. */
const OPERATIONS = {
  publish: [24, withClient(publish)],
  burst: [3, withClient(burst)],
  subscribe: [8, withClient(subscribe)],
  subscribeAgain: [2, withClient(resubscribeAtPosition)],
  unsubscribe: [2, withClient(unsubscribe)],
  directMessage: [
    2,
    withClient(
      (world, client, { b }) =>
        void client.request('DirectMessage', {
          target_user: choose(world.clients, b)?.name,
          payload: nextPayload(world),
        }),
    ),
  ],
  ping: [1, withClient((_, client) => void client.request('Ping', { timestamp: 1 }))],
  malformed: [1, withClient(malformed)],
  acknowledge: [1, withClient(acknowledge)],
  missed: [2, withClient(askMissed)],
  history: [
    1,
    withClient(
      (_, client, { b }) =>
        void client.request('History', { topic: 'chat.a', limit: 1 + Math.floor(b * 3), reverse: b > 0.5 }),
    ),
  ],
  turn: [20, ({ clock }: World) => clock.endTurn()],
  brokerWorks: [16, ({ broker }: World, { a }: Operation) => broker.work(a)],
  brokerAnswers: [16, ({ broker }: World, { a }: Operation) => broker.deliverAnswer(a)],
  brokerNotifies: [14, ({ broker }: World, { a }: Operation) => broker.deliverNotice(a)],
  stopReading: [3, withClient((_, client) => setEager(client, false))],
  readSome: [4, withClient((_, client, { b }) => client.link?.read(1 + Math.floor(b * 4)))],
  resumeReading: [4, withClient((_, client) => setEager(client, true))],
  connect: [6, withAnyClient(connect)],
  breakLink: [1, withClient((_, client) => client.link?.break())],
  cutLink: [1, withClient(cutLink)],
  breakOnSend: [1, withClient(breakOnSend)],
  fault: [1, ({ rights }: World) => void (rights.armed = 1)],
  decide: [20, ({ owner }: World, { a }: Operation) => owner?.deliverAnswer(a)],
  changeRights: [5, withAnyClient(changeRights)],
  // As a revocation does; the client comes back with another token.
  revoke: [1, withClient((world, client) => world.connectionOf(client)?.close('token_revoked', 'revoked'))],
  time: [4, ({ clock }: World, { a }: Operation) => clock.advance(1 + Math.floor(a * 2_500))],
  loseHistory: [1, loseHistory],
  disturb: [8, (world: World, { a, b }: Operation) => world.broker.disturb(a, b, () => nextPayload(world))],
} as const satisfies Record<string, readonly [number, Run]>;

type OperationName = keyof typeof OPERATIONS;

/** A schedule for a world: a random subset of what can happen, so that rare combinations get their chance. */
export function drawSchedule(random: SeededRandom, length: number): Operation[] {
  const always: ReadonlySet<OperationName> = new Set([
    'publish',
    'subscribe',
    'turn',
    'brokerWorks',
    'brokerAnswers',
    'brokerNotifies',
    'connect',
  ]);
  const names = (Object.keys(OPERATIONS) as OperationName[]).filter((name) => always.has(name) || random.chance(0.6));
  const total = names.reduce((sum, name) => sum + OPERATIONS[name][0], 0);
  return Array.from({ length }, () => {
    let at = random.fraction() * total;
    const name = names.find((candidate) => (at -= OPERATIONS[candidate][0]) < 0) ?? 'turn';
    return { name, a: random.fraction(), b: random.fraction() };
  });
}

export function perform(world: World, operation: Operation): void {
  OPERATIONS[operation.name][1](world, operation);
}

/** Connects a client and has it ask for everything that it wants, from where it stands. */
export function connect(world: World, client: SimulatedClient, { b }: Pick<Operation, 'b'>): void {
  world.connect(client, b < 0.5);
  if (client.wanted.size > 0 && client.isConnected)
    client.request('Subscribe', { topics: entries(client, [...client.wanted]) });
}

export function nextPayload(world: World): string {
  world.published += 1;
  return `m${world.published}`;
}

function withAnyClient(run: (world: World, client: SimulatedClient, operation: Operation) => void): Run {
  return (world, operation) => {
    const client = choose(world.clients, operation.a);
    if (client !== undefined) run(world, client, operation);
  };
}

/** For what needs a connection; a client without one stays idle. */
function withClient(run: (world: World, client: SimulatedClient, operation: Operation) => void): Run {
  return withAnyClient((world, client, operation) => {
    if (client.isConnected && client.link?.isCut === false) run(world, client, operation);
  });
}

function publish(world: World, client: SimulatedClient, { b }: Operation): void {
  publishTo(world, client, choose(PUBLISHABLE, b));
}

/** Many positions of few cursors, as clients that move them send them; a client that hears them may be slow. */
function burst(world: World, client: SimulatedClient, operation: Operation): void {
  const { b } = operation;
  const reader = choose(world.clients, (b * 7) % 1);
  const isListening = reader?.confirmed.has(CONFLATED) === true;
  if (reader !== undefined && reader.isConnected && reader.link?.isCut === false) {
    if (isListening && b < 0.7) setEager(reader, false);
    else if (!isListening) subscribeTo(reader, CONFLATED);
  }
  for (let left = 2 + b * 2; left >= 1; left -= 1) publishTo(world, client, CONFLATED);
}

function publishTo(world: World, client: SimulatedClient, topic: string | undefined): void {
  const text = nextPayload(world);
  const payload = topic === CONFLATED ? conflatedPayload(text) : text;
  const key = text.endsWith('7') ? { idempotency_key: text } : {};
  client.request('Broadcast', { topic, payload, ...key });
  // A client that did not hear of the outcome sends the same again.
  if (text.endsWith('7')) client.request('Broadcast', { topic, payload, ...key });
}

function subscribe(_: World, client: SimulatedClient, { b }: Operation): void {
  subscribeTo(client, choose(TOPICS, b));
}

function subscribeTo(client: SimulatedClient, topic: string | undefined): void {
  // A client that hands out positions knows where it stands: it waits for the answer before it asks again.
  if (topic === undefined || client.unanswered.length > 0) return;
  client.wanted.add(topic);
  client.request('Subscribe', { topics: client.confirmed.has(topic) ? [topic] : entries(client, [topic]) });
}

/** A live topic, anew at a position: what a client does that lost its state. */
function resubscribeAtPosition(_: World, client: SimulatedClient, { b }: Operation): void {
  const topics = [...client.confirmed].filter((topic) => client.resumeAt(topic) !== undefined);
  const topic = choose(topics, b);
  // Only when nothing is on its way: else the client could not tell old from new.
  if (topic === undefined || client.unanswered.length > 0) return;
  client.restart(topic);
  client.request('Subscribe', { topics: [{ topic, ...client.resumeAt(topic) }] });
}

/** Topics with their positions; each position once, and none for what is live already. */
function entries(client: SimulatedClient, wanted: readonly string[]): object[] {
  const placed = new Set<string>([ME, ...client.wanted]);
  return wanted.map((topic) => {
    if (!looksLikePattern(topic)) return client.isSubscribed(topic) ? { topic } : { topic, ...client.resumeAt(topic) };
    const known = [...client.known].filter(
      ([name, { position }]) => position.epoch !== '' && !placed.has(name) && !client.isSubscribed(name),
    );
    for (const [name] of known) placed.add(name);
    return { topic, positions: Object.fromEntries(known.map(([name, { position }]) => [name, position])) };
  });
}

function unsubscribe(_: World, client: SimulatedClient, { b }: Operation): void {
  const topic = choose([...client.wanted], b);
  if (topic === undefined) return;
  client.wanted.delete(topic);
  client.request('Unsubscribe', { topics: [topic] });
}

function malformed(_: World, client: SimulatedClient): void {
  client.link?.listener?.received(new TextEncoder().encode('{"type":').buffer, false);
}

function acknowledge(_: World, client: SimulatedClient): void {
  const positions = Object.fromEntries(
    [...client.known]
      .filter(([, { position }]) => position.epoch !== '')
      .map(([name, { position }]) => [name, position]),
  );
  const bytes = new TextEncoder().encode(JSON.stringify({ type: 'Ack', data: { positions } }));
  client.link?.listener?.received(bytes.buffer, false);
}

function askMissed(_: World, client: SimulatedClient, { b }: Operation): void {
  if (b < 0.5 && client.lastMessageId !== null)
    client.request('GetMissedMessages', { since: client.lastMessageId, session_id: client.sessionId });
  else
    client.request('GetMissedMessages', {
      since: { 'chat.a': { epoch: client.known.get('chat.a')?.position.epoch ?? 'none', sequence: 0 } },
    });
}

function setEager(client: SimulatedClient, eager: boolean): void {
  if (client.link === null) return;
  client.link.isEager = eager;
  if (eager) client.link.read(Infinity);
}

/** Somebody gets the right to a topic back, or loses it; what is published there at once is not for users that have lost it. */
function changeRights(world: World, client: SimulatedClient, { b }: Operation): void {
  const { owner } = world;
  if (owner === null) return;
  const isDenied = owner.isDenied(client.name);
  const listens = [...client.confirmed].some((name) => owner.decidesOn(name));
  if (!isDenied && !listens && b < 0.7) return;
  world.changeRights(client.name, isDenied);
  if (isDenied || b < 0.3) return;
  const draft = { from: 'elsewhere', clientId: undefined, trace: undefined, idempotencyKey: undefined };
  world.broker.publish(OWNED, { ...draft, payload: JSON.stringify(nextPayload(world)) }, () => {});
  world.clock.endTurn();
}

/** The client is gone and comes back later; the node finds out by its heartbeat. */
function cutLink(_: World, client: SimulatedClient): void {
  if (client.link === null) return;
  client.link.isCut = true;
}

function breakOnSend(_: World, client: SimulatedClient): void {
  if (client.link !== null) client.link.breaksOnSend = true;
}

function loseHistory({ broker }: World, { a }: Operation): void {
  broker.forget(choose(['chat.a', 'chat.b', 'chat.c', 'chat.n'], a) ?? '');
}

function choose<T>(items: readonly T[], at: number): T | undefined {
  return items[Math.floor(at * items.length)];
}
