/**
 * The client snippets of the troubleshooting guide that this server grew from, as its readers have them in their
 * applications: the same names and the same logic, with types. Comments mark what the guide leaves to the reader.
 */

interface Sequenced {
  readonly sequence: number;
}

export class OrderedMessageHandler<Message extends Sequenced> {
  /** topic -> next expected sequence */
  readonly sequences = new Map<string, number>();
  /** topic -> out-of-order messages */
  readonly buffers = new Map<string, Message[]>();
  readonly duplicates: Message[] = [];
  /** Left to the reader. */
  readonly processed: Message[] = [];

  handleMessage(topic: string, message: Message): void {
    const seq = message.sequence;
    const expected = this.sequences.get(topic) ?? 0;
    if (seq === expected) {
      this.processed.push(message);
      this.sequences.set(topic, seq + 1);
      this.processBuffered(topic);
    } else if (seq > expected) this.bufferMessage(topic, message);
    else this.duplicates.push(message);
  }

  private processBuffered(topic: string): void {
    const buffer = this.buffers.get(topic) ?? [];
    const expected = this.sequences.get(topic) ?? 0;
    buffer.sort((a, b) => a.sequence - b.sequence);
    while (buffer[0]?.sequence === expected) {
      this.processed.push(buffer.shift() as Message);
      this.sequences.set(topic, expected + 1);
    }
  }

  /** Left to the reader. */
  private bufferMessage(topic: string, message: Message): void {
    this.buffers.set(topic, [...(this.buffers.get(topic) ?? []), message]);
  }
}

/** The client library of the guide: it emits frames by type in lower case, and `disconnect`. */
export interface GuideClient {
  on(event: string, listener: (value: unknown) => void): void;
  subscribe(topics: readonly string[]): Promise<unknown>;
  send(frame: { readonly type: string; readonly data: unknown }): Promise<unknown>;
}

export class ConnectionMonitor {
  readonly disconnects: { readonly time: number; readonly reason: unknown; readonly duration: number }[] = [];
  readonly latencies: number[] = [];
  lastPing = Date.now();
  private readonly connectionStart = Date.now();

  constructor(client: GuideClient) {
    client.on('disconnect', (reason) => {
      this.disconnects.push({ time: Date.now(), reason, duration: Date.now() - this.connectionStart });
    });
    client.on('pong', () => {
      this.latencies.push(Date.now() - this.lastPing);
    });
  }

  analyzeDisconnects(): { count: number; avgDuration: number; reasons: unknown[] } {
    const recent = this.disconnects.filter(({ time }) => Date.now() - time < 300_000);
    return {
      count: recent.length,
      avgDuration: recent.reduce((sum, { duration }) => sum + duration, 0) / recent.length,
      reasons: recent.map(({ reason }) => reason),
    };
  }
}

/** What a page reload leaves. */
export class LocalStorage {
  private readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

interface SavedState {
  readonly subscriptions: string[];
  readonly lastMessageId: string | null;
  readonly sessionId: string | null;
  readonly timestamp: number;
}

export class StatefulReconnection {
  readonly state = {
    subscriptions: new Set<string>(),
    lastMessageId: null as string | null,
    sessionId: null as string | null,
  };
  private readonly client: GuideClient;
  private readonly localStorage: LocalStorage;

  constructor(client: GuideClient, localStorage: LocalStorage) {
    this.client = client;
    this.localStorage = localStorage;
  }

  saveState(): void {
    const { subscriptions, lastMessageId, sessionId } = this.state;
    const saved: SavedState = { subscriptions: [...subscriptions], lastMessageId, sessionId, timestamp: Date.now() };
    this.localStorage.setItem('rtc_state', JSON.stringify(saved));
  }

  async restoreState(): Promise<void> {
    const saved = this.localStorage.getItem('rtc_state');
    if (saved === null) return;
    const state = JSON.parse(saved) as SavedState;
    if (Date.now() - state.timestamp > 300_000) {
      this.localStorage.removeItem('rtc_state');
      return;
    }
    if (state.subscriptions.length > 0) await this.client.subscribe(state.subscriptions);
    if (state.lastMessageId !== null) {
      await this.client.send({
        type: 'GetMissedMessages',
        data: { since: state.lastMessageId, session_id: state.sessionId },
      });
    }
  }

  onConnect(): Promise<void> {
    return this.restoreState();
  }

  onMessage(message: { readonly id?: string }): void {
    this.state.lastMessageId = message.id ?? null;
    this.saveState();
  }

  onSubscribe(topics: readonly string[]): void {
    for (const topic of topics) this.state.subscriptions.add(topic);
    this.saveState();
  }
}

export class ReconnectStrategy {
  attempt = 0;
  readonly baseDelay: number;
  readonly maxDelay: number;
  private readonly maxAttempts: number;

  constructor({ baseDelay = 1_000, maxDelay = 30_000, maxAttempts = 10 } = {}) {
    this.baseDelay = baseDelay;
    this.maxDelay = maxDelay;
    this.maxAttempts = maxAttempts;
  }

  nextDelay(): number | null {
    if (this.attempt >= this.maxAttempts) return null;
    const delay = Math.min(this.baseDelay * 2 ** this.attempt, this.maxDelay);
    this.attempt += 1;
    // Random jitter to prevent a thundering herd.
    return Math.floor(delay * (0.5 + Math.random() * 0.5));
  }

  reset(): void {
    this.attempt = 0;
  }
}

/** 64 KiB. */
export function checkMessageSize(message: unknown): boolean {
  return new Blob([JSON.stringify(message)]).size <= 65_536;
}
