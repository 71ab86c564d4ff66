/** One reader for every way to hear of topics, so that the same tests run over all: a socket, streams of events, polls. */
import { connect } from './client.ts';
import { within } from './deadline.ts';
import { openStream } from './event-stream.ts';
import { connectSocketIo } from './socket-io.ts';
import type { Data, Frame, Position } from './frames.ts';
import { tokenOf } from './tokens.ts';

/** Where a reader stands: by topic, and as the text that a browser hands back. */
interface Place {
  readonly positions: Readonly<Record<string, Position>>;
  readonly cursor?: string;
}

export interface PollResult {
  readonly items: readonly Frame[];
  readonly gaps: readonly Frame[];
  readonly positions: Readonly<Record<string, Position>>;
  readonly rejected: readonly { readonly topic: string; readonly reason: string }[];
  readonly unavailable: readonly { readonly topic: string; readonly reason: string }[];
  readonly recovery: unknown;
  readonly reconnect_after_ms?: number;
}

abstract class Reader {
  readonly positions: Record<string, Position> = {};

  /** The next publication or announced loss, which moves the reader's place. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = await this.read();
      const { topic = '@me', epoch, sequence, to } = frame.data as Partial<Data>;
      const place = sequence ?? to ?? 0;
      // A client that hands a text back, and not a position, may hear something twice.
      const { [topic]: known } = this.positions;
      if (frame.type !== 'Gap' && known?.epoch === epoch && (known?.sequence ?? -1) >= place) continue;
      if (epoch !== undefined) this.positions[topic] = { epoch, sequence: place };
      return frame;
    }
  }

  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next());
    return frames;
  }

  place(): Place {
    return { positions: { ...this.positions } };
  }

  /** Goes without a word. */
  abstract drop(): Promise<void>;
  protected abstract read(): Promise<Frame>;
}

export interface Way {
  readonly name: string;
  open(port: number, user: string, topics: readonly string[], at?: Place): Promise<Reader>;
}

const isNews = ({ type }: Frame): boolean => type === 'Broadcast' || type === 'DirectMessage' || type === 'Gap';

function entries(topics: readonly string[], at?: Place): unknown[] {
  return topics.map((topic) => ({ topic, ...at?.positions[topic] }));
}

class SocketReader extends Reader {
  readonly read: () => Promise<Frame>;
  readonly drop: () => Promise<void>;

  constructor(read: () => Promise<Frame>, drop: () => Promise<void>, positions: Readonly<Record<string, Position>>) {
    super();
    this.read = read;
    this.drop = drop;
    Object.assign(this.positions, positions);
  }
}

const socket: Way = {
  name: 'WebSocket',
  open: async (port, user, topics, at) => {
    const client = await connect(port, { user });
    const { positions } = await client.subscribe(...entries(topics, at));
    return new SocketReader(
      () => client.waitFor(isNews, 'news'),
      () => client.drop(),
      positions,
    );
  },
};

/** Sends what a library of its own would: positions in a body. Every byte comes alone. */
const posted: Way = {
  name: 'POST /sse, cut at every byte',
  open: async (port, user, topics, at) => {
    const stream = await openStream(port, { user, body: { topics: entries(topics, at) }, isCut: true });
    const { positions } = await stream.subscribed();
    return new SocketReader(
      () => stream.waitFor(isNews, 'news'),
      () => stream.drop(),
      positions,
    );
  },
};

class BrowserReader extends SocketReader {
  cursor: () => string = () => '';

  override place(): Place {
    return { ...super.place(), cursor: this.cursor() };
  }
}

/** Does what a browser does: a list of names, and the last id of the stream before. */
const browser: Way = {
  name: 'GET /sse with Last-Event-ID',
  open: async (port, user, topics, at) => {
    const [topic = ''] = topics;
    const one = at?.positions[topic];
    const cursor = at?.cursor ?? (one === undefined ? undefined : `${one.epoch}:${one.sequence}`);
    const query = { topics: topics.join(',') };
    const stream = await openStream(port, {
      user,
      query,
      headers: cursor === undefined ? {} : { 'last-event-id': cursor },
    });
    const { positions } = await stream.subscribed();
    // Messages that came and were not taken yet are lost with the stream: a browser has taken all that its id says.
    let taken = cursor;
    const reader = new BrowserReader(
      async () => {
        const frame = await stream.waitFor(isNews, 'news');
        taken = frame.lastId;
        return frame;
      },
      () => stream.drop(),
      at?.positions ?? positions,
    );
    reader.cursor = () => taken ?? stream.lastId;
    return reader;
  },
};

export async function poll(port: number, user: string, body: unknown): Promise<PollResult> {
  const response = await fetch(`http://127.0.0.1:${port}/poll`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokenOf(user)}`, connection: 'close' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`expected news, got ${response.status} ${await response.text()}`);
  return (await response.json()) as PollResult;
}

class PollReader extends Reader {
  private readonly unread: Frame[] = [];
  private readonly port: number;
  private readonly user: string;
  private readonly topics: readonly string[];
  private at: Place;

  constructor(port: number, user: string, topics: readonly string[], at: Place) {
    super();
    this.port = port;
    this.user = user;
    this.topics = topics;
    this.at = at;
    Object.assign(this.positions, at.positions);
  }

  async drop(): Promise<void> {}

  protected async read(): Promise<Frame> {
    while (this.unread.length === 0) {
      const body = { topics: entries(this.topics, this.at), wait_ms: 5_000 };
      const { items, gaps, positions } = await within(poll(this.port, this.user, body), 'a poll');
      this.at = { positions };
      this.unread.push(...gaps, ...items);
    }
    return this.unread.shift() as Frame;
  }
}

const polling: Way = {
  name: 'POST /poll',
  open: async (port, user, topics, at) => {
    const started = at ?? (await poll(port, user, { topics, wait_ms: 0 }));
    return new PollReader(port, user, topics, started);
  },
};

/** What Socket.IO says as an event, as the frame that it was. */
function frameOf(event: string, fields: Readonly<Record<string, unknown>>): Frame {
  const type = { message: 'Broadcast', direct: 'DirectMessage' }[event] ?? 'Gap';
  return { ...fields, type, data: fields as unknown as Data };
}

/** @param name of the transport, which its client stays with */
function socketIoWay(name: 'polling' | 'websocket'): Way {
  return {
    name: `Socket.IO over ${name}`,
    open: async (port, user, topics, at) => {
      const client = await connectSocketIo(port, user, { transports: [name], reconnection: false });
      const { positions } = await client.ask('subscribe', { topics: entries(topics, at) });
      return new SocketReader(
        async () => {
          const [event, fields] = await client.nextOf(['message', 'direct', 'gap']);
          return frameOf(event, fields as Record<string, unknown>);
        },
        () => {
          client.cut();
          return Promise.resolve();
        },
        positions as Record<string, Position>,
      );
    },
  };
}

/** Switches on what the ways need. */
export const WAYS_ON = { 'socketio.enabled': 'true' };

export const WAYS: readonly Way[] = [
  socket,
  posted,
  browser,
  polling,
  socketIoWay('polling'),
  socketIoWay('websocket'),
];
