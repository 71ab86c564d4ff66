/** A connection of the calibration: it does one thing at a time and counts what comes, with the frames of the load generator. */
import { topicName, type DecodedFrame, type FrameSink, type SubscribePosition } from '../frames.ts';
import type { JsonFrames } from '../json-frames.ts';
import { LeanSocket } from '../lean-socket.ts';
import { AwaitedCount } from './awaited-count.ts';

const PARALLEL = 50;
/** Of a frame of a WebSocket between 126 and 65,535 bytes, as the server writes it; a client's has a mask of 4 more. */
const FRAME_HEAD_BYTES = 4;
const MASK_BYTES = 4;

export interface PeerOptions {
  readonly port: number;
  readonly token: string;
  readonly format: JsonFrames;
  readonly prefix: string;
  /** Counts the publications of several connections. */
  readonly received?: AwaitedCount;
}

export class Peer implements FrameSink {
  sequenceAt = 0;
  ackSequenceAt = 0;
  tail = 0;
  /** Publications. */
  readonly received: AwaitedCount;
  private readonly answered = new AwaitedCount();
  /** On the wire: of publications; of publishes and their answers. */
  bytes = 0;
  publishBytes = 0;
  /** Where a topic stood when it was subscribed. */
  readonly epochs = new Map<string, string>();
  private readonly subscribed = new AwaitedCount();
  private readonly greeted = new AwaitedCount();
  private sent = 0;
  /** The first thing that went wrong. */
  private wrong = '';
  private socket: LeanSocket | null = null;
  private readonly options: PeerOptions;

  private constructor(options: PeerOptions) {
    this.options = options;
    this.received = options.received ?? new AwaitedCount();
  }

  /** Resolves when the server has said its first word. */
  static async open(options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options);
    peer.socket = await LeanSocket.open({
      host: '127.0.0.1',
      port: options.port,
      path: '/ws',
      headers: {
        'Sec-WebSocket-Protocol': options.format.subprotocol,
        Authorization: `Bearer ${options.token}`,
      },
      onMessage: (bytes, start, end) => peer.read(bytes, start, end),
      onClose: (code) => {
        peer.wrong ||= `closed with ${code}`;
      },
    });
    await peer.until(peer.greeted, 1, 'greeting');
    return peer;
  }

  /** One frame for each topic, all in one write. @param sequence of the position to go on from; without, from now on */
  async subscribe(topics: readonly number[], sequence?: number): Promise<void> {
    const goal = this.subscribed.value + topics.length;
    this.socket?.cork();
    for (const topic of topics) this.socket?.send(this.options.format.subscribe([this.entry(topic, sequence)]));
    this.socket?.uncork();
    await this.until(this.subscribed, goal, 'subscriptions');
  }

  /** In one write, so that the server reads them in one turn. Resolves when all are acknowledged. */
  async publish(topics: readonly number[]): Promise<void> {
    this.socket?.cork();
    for (const topic of topics) {
      const frame = this.options.format.publish(topic, this.sent);
      this.publishBytes += frame.length + FRAME_HEAD_BYTES + MASK_BYTES;
      this.sent += 1;
      this.socket?.send(frame);
    }
    this.socket?.uncork();
    await this.until(this.answered, this.sent, 'answers');
  }

  destroy(): void {
    this.socket?.destroy();
  }

  publication(): void {
    this.received.add(1);
  }

  acknowledged(): void {
    this.answered.add(1);
  }

  control({ type, data }: DecodedFrame): void {
    if (type === 'Error' || type === 'Gap') this.wrong ||= `${type} ${JSON.stringify(data)}`;
    if (type !== 'Status') return;
    if (data['status'] === 'connected') this.greeted.add(1);
    if (data['status'] !== 'subscribed') return;
    this.subscribed.add(1);
    const { positions = {} } = data['details'] as { positions?: Record<string, { epoch: string }> };
    for (const [name, { epoch }] of Object.entries(positions)) this.epochs.set(name, epoch);
  }

  private read(bytes: Buffer, start: number, end: number): void {
    const answered = this.answered.value;
    const publications = this.options.format.read(bytes, start, end, this);
    if (publications > 0) this.bytes += end - start + FRAME_HEAD_BYTES;
    if (this.answered.value > answered) this.publishBytes += end - start + FRAME_HEAD_BYTES;
  }

  private entry(topic: number, sequence: number | undefined): SubscribePosition {
    const name = topicName(this.options.prefix, topic);
    const epoch = this.epochs.get(name);
    return sequence === undefined || epoch === undefined ? { topic: name } : { topic: name, epoch, sequence };
  }

  private async until(count: AwaitedCount, goal: number, what: string): Promise<void> {
    await count.until(goal, what).catch((error: unknown) => {
      throw new Error(`${String(error)} ${this.wrong}`);
    });
    if (this.wrong !== '') throw new Error(`expected no refusal of the server to be measured: ${this.wrong}`);
  }
}

/** Many connections, some at a time. */
export async function openPeers(tokens: readonly string[], options: Omit<PeerOptions, 'token'>): Promise<Peer[]> {
  const peers: Peer[] = [];
  await inParallel(tokens, async (token, at) => {
    peers[at] = await Peer.open({ ...options, token });
  });
  return peers;
}

export async function inParallel<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  const entries = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of entries) await work(item, at);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
