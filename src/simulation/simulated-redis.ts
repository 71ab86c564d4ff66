/**
 * What the scripts do to topics, as a model: a primary that writes, and a replica that has what was copied last. It knows
 * no links; simulated-logs.ts carries calls to it and notices from it.
 */
import type { Appended, ReadRequest } from '../broker/broker.ts';
import type { Retention } from '../broker/retention.ts';
import type {
  Era,
  Head,
  LogCall,
  LogNotice,
  LogPage,
  NewRecord,
  Notice,
  Stored,
  StoredRecord,
} from '../broker/topic-logs.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock, Random } from '../telemetry/clock.ts';

interface TopicState {
  epoch: string;
  first: number;
  top: number;
  server: string;
  lineage: Era[];
  time: number;
  owned: boolean;
  withdrawn: number;
  records: StoredRecord[];
}

interface Data {
  readonly topics: Map<Topic, TopicState>;
  readonly once: Map<string, { readonly digest: string; readonly stored: Exclude<Stored, 'conflict'> | null }>;
}

/** Told of what happens to messages, so that clients can be held against it. */
export interface RedisWitness {
  stored(topic: Topic, epoch: string, record: StoredRecord): void;
  /** The message keeps its place under another epoch. */
  renamed(topic: Topic, epoch: string, record: StoredRecord): void;
  /** The message is gone, acknowledged or not. */
  lost(record: StoredRecord): void;
}

export class SimulatedRedis {
  /** Steps of the server's clock. */
  clockOffset = 0;
  private server: string;
  private data: Data = { topics: new Map(), once: new Map() };
  private replica: Data = { topics: new Map(), once: new Map() };
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly witness: RedisWitness;
  private readonly publish: (topic: Topic, notice: Notice, from: object | null) => void;

  constructor(
    clock: Clock,
    random: Random,
    witness: RedisWitness,
    publish: (topic: Topic, notice: Notice, from: object | null) => void,
  ) {
    this.clock = clock;
    this.random = random;
    this.witness = witness;
    this.publish = publish;
    this.server = random.id();
  }

  // Faults

  replicate(): void {
    this.replica = structuredClone(this.data);
  }

  /** The replica becomes the primary: what it has not is lost. */
  failOver(): void {
    const before = this.data;
    this.data = structuredClone(this.replica);
    this.server = this.random.id();
    this.tellLost(before);
  }

  /** As when a first replica attaches: another id, and nothing is lost. */
  renameServer(): void {
    this.server = this.random.id();
  }

  /** All data, or one topic's. */
  empty(topic?: Topic): void {
    const before = structuredClone(this.data);
    if (topic === undefined) this.data = { topics: new Map(), once: new Map() };
    else this.data.topics.delete(topic);
    this.tellLost(before);
  }

  // Calls

  /** Carries out a call and returns what answers it. @param from the link, which hears no ephemeral message of its own */
  call(call: LogCall, from: object): () => void {
    if (call.kind === 'append') {
      const stored = this.append(call.topic, call.retention, call.records);
      return () => call.reply(stored);
    }
    if (call.kind === 'owner') {
      const appended = this.appendAt(call);
      return () => call.reply(appended);
    }
    if (call.kind === 'withdraw') {
      const state = this.data.topics.get(call.topic);
      if (state !== undefined) {
        state.records = state.records.filter(({ sequence }) => sequence > call.upTo);
        state.withdrawn = Math.max(state.withdrawn, call.upTo);
      }
      this.publish(call.topic, { kind: 'withdrawn', upTo: call.upTo }, null);
      return () => call.reply(null);
    }
    const use = call.once === null ? undefined : this.data.once.get(`${call.topic} ${call.once.key}`);
    if (use === undefined) {
      if (call.once !== null)
        this.data.once.set(`${call.topic} ${call.once.key}`, { digest: call.once.digest, stored: null });
      this.publish(call.topic, { kind: 'ephemeral', record: call.record }, from);
    }
    const outcome = use === undefined ? 'published' : use.digest === call.once?.digest ? 'duplicate' : 'conflict';
    return () => call.reply({ outcome });
  }

  head(topic: Topic): Head {
    const { epoch, first, top, lineage, withdrawn } =
      this.load(topic) ?? this.create(topic, this.random.id(), 0, false);
    return { epoch, first, top, lineage: [...lineage], withdrawn };
  }

  /** As it is written down: another server than before is not noticed by looking. */
  standing(topic: Topic): Head | null {
    const state = this.data.topics.get(topic);
    if (state === undefined) return null;
    const { epoch, first, top, lineage, withdrawn } = state;
    return { epoch, first, top, lineage: [...lineage], withdrawn };
  }

  read(topic: Topic, request: ReadRequest, ageMs: number): LogPage | null {
    const state = this.load(topic);
    if (state === null) return null;
    const live = state.records.filter(({ time }) => time >= this.now() - ageMs);
    const oldest = live[0]?.sequence ?? state.top + 1;
    const start = resolve(state, request.after, live, oldest);
    const wanted = live.filter(
      ({ sequence }) => sequence > start.after && sequence < (request.before ?? state.top + 1),
    );
    if (request.reverse === true) wanted.reverse();
    const { epoch, first, top, lineage, withdrawn } = state;
    return { epoch, first, top, lineage: [...lineage], withdrawn, oldest, ...start, records: fit(wanted, request) };
  }

  topics(): Topic[] {
    return [...this.data.topics.keys()].filter((topic) => (this.data.topics.get(topic)?.top ?? 0) > 0);
  }

  private append(topic: Topic, retention: Retention, messages: readonly NewRecord[]): Stored[] {
    const state = this.load(topic) ?? this.create(topic, this.random.id(), 0, false);
    const time = Math.max(this.now(), state.time);
    const added: StoredRecord[] = [];
    const outcomes = messages.map(({ record, once }): Stored => {
      const use = once === null ? undefined : this.data.once.get(`${topic} ${once.key}`);
      if (use !== undefined && once !== null)
        return use.digest === once.digest && use.stored !== null ? { ...use.stored, duplicate: true } : 'conflict';
      const stored = this.add(topic, state, record, time);
      added.push(stored);
      const outcome = { epoch: state.epoch, sequence: stored.sequence, time, duplicate: false };
      if (once !== null) this.data.once.set(`${topic} ${once.key}`, { digest: once.digest, stored: outcome });
      return outcome;
    });
    this.trim(state, retention);
    if (added.length > 0) this.publish(topic, noticeOf(state, added, false), null);
    return outcomes;
  }

  private appendAt({
    topic,
    retention,
    epoch,
    sequence,
    timestamp,
    record,
  }: LogCall & { readonly kind: 'owner' }): Appended {
    let state = this.load(topic);
    const isEmpty = state === null || state.records.length === 0;
    const isAdopted = isEmpty && (state?.epoch !== epoch || state.top + 1 !== sequence);
    if (state === null || isAdopted) state = this.create(topic, epoch, sequence - 1, true);
    if (state.epoch !== epoch) return { status: 'conflict' };
    if (sequence > state.top + 1) return { status: 'ahead', expected: state.top + 1 };
    if (sequence <= state.top) {
      const known = state.records.find((stored) => stored.sequence === sequence);
      return { status: known === undefined || known.record === record ? 'duplicate' : 'conflict' };
    }
    const stored = this.add(topic, state, record, Math.max(timestamp, state.time));
    this.trim(state, retention);
    this.publish(topic, noticeOf(state, [stored], isAdopted), null);
    return { status: 'appended' };
  }

  private add(topic: Topic, state: TopicState, record: string, time: number): StoredRecord {
    state.top += 1;
    state.time = time;
    const stored = { sequence: state.top, time, record };
    state.records.push(stored);
    this.witness.stored(topic, state.epoch, stored);
    return stored;
  }

  private trim(state: TopicState, { messages, ageMs }: Retention): void {
    const deadline = this.now() - ageMs;
    state.records = state.records.slice(-messages).filter(({ time }) => time >= deadline);
  }

  private load(topic: Topic): TopicState | null {
    const state = this.data.topics.get(topic);
    if (state === undefined) return null;
    if (state.owned || state.server === this.server) return state;
    state.lineage = [{ epoch: state.epoch, first: state.first }, ...state.lineage].slice(0, 16);
    state.epoch = this.random.id();
    state.first = state.top + 1;
    state.server = this.server;
    for (const record of state.records) this.witness.renamed(topic, state.epoch, record);
    return state;
  }

  private create(topic: Topic, epoch: string, top: number, owned: boolean): TopicState {
    const first = owned ? 1 : top + 1;
    const state = { epoch, first, top, server: this.server, lineage: [], time: 0, owned, withdrawn: 0, records: [] };
    this.data.topics.set(topic, state);
    return state;
  }

  private tellLost(before: Data): void {
    for (const [topic, { records }] of before.topics) {
      const kept = new Set(this.data.topics.get(topic)?.records.map(({ record }) => record));
      for (const stored of records) if (!kept.has(stored.record)) this.witness.lost(stored);
    }
  }

  private now(): number {
    return this.clock.now() + this.clockOffset;
  }
}

function noticeOf(state: TopicState, records: readonly StoredRecord[], adopted: boolean): LogNotice {
  const { epoch, first, lineage, withdrawn } = state;
  return { kind: 'logged', epoch, first, previous: lineage[0]?.epoch ?? '-', adopted, withdrawn, records };
}

function resolve(
  { epoch, first, top, lineage }: TopicState,
  after: ReadRequest['after'],
  live: readonly StoredRecord[],
  oldest: number,
): Pick<LogPage, 'after' | 'lost'> {
  if (after === 'earliest') return { after: oldest - 1, lost: null };
  if ('since' in after)
    return { after: (live.find(({ time }) => time >= after.since)?.sequence ?? top + 1) - 1, lost: null };
  if (after.epoch === epoch)
    return after.sequence <= top ? { after: after.sequence, lost: null } : { after: first - 1, lost: 'history_lost' };
  let follower = first;
  for (const era of lineage) {
    if (era.epoch === after.epoch)
      return after.sequence < follower
        ? { after: after.sequence, lost: null }
        : { after: follower - 1, lost: 'history_lost' };
    follower = era.first;
  }
  return { after: first - 1, lost: 'unknown_epoch' };
}

function fit(records: readonly StoredRecord[], { limit, maxBytes }: ReadRequest): StoredRecord[] {
  const page: StoredRecord[] = [];
  let bytes = 0;
  for (const record of records.slice(0, limit)) {
    bytes += record.record.length;
    if (bytes > maxBytes && page.length > 0) break;
    page.push(record);
  }
  return page;
}
