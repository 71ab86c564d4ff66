/** Clients that join topics all at once, for the benchmarks of presence. */
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { userTokens } from '../tokens.ts';

export interface ClientFrame {
  readonly type: string;
  readonly data: object;
}

/** What client number so and so says. */
export type Frames = (at: number) => readonly ClientFrame[];

export interface JoinOptions {
  readonly frames: Frames;
  /** Every message of every client. */
  readonly onText?: (text: string) => void;
  readonly onClose?: (at: number, code: number) => void;
}

const AT_ONCE = 1_000;

export function subscribe(...topics: readonly string[]): ClientFrame {
  return { type: 'Subscribe', data: { topics } };
}

export function enter(topic: string): ClientFrame {
  return { type: 'Presence', data: { topic, action: 'enter' } };
}

/** Resolves when every client has an answer to each of its frames. */
export async function join(port: number, count: number, options: JoinOptions): Promise<LeanSocket[]> {
  const tokens = await userTokens(count);
  const sockets: LeanSocket[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      sockets.push(await joinAs(port, tokens[at] ?? '', at, options));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return sockets;
}

/** One client, whose number is so and so. */
export function joinAs(port: number, token: string, at: number, options: JoinOptions): Promise<LeanSocket> {
  const frames = options.frames(at);
  return new Promise((resolve, reject) => {
    let open = frames.length;
    const opening = LeanSocket.open({
      host: '127.0.0.1',
      port,
      path: `/ws?token=${token}`,
      onMessage: (bytes, start, end) => {
        const text = bytes.toString('utf8', start, end);
        options.onText?.(text);
        if (open === 0 || !text.includes('"reply_to"')) return;
        if (text.includes('"type":"Error"')) reject(new Error(text));
        open -= 1;
        if (open === 0) void opening.then(resolve);
      },
      onClose: (code) => options.onClose?.(at, code),
    });
    opening.then((socket) => {
      for (const [number, frame] of frames.entries()) socket.send(JSON.stringify({ ...frame, id: String(number) }));
      if (frames.length === 0) resolve(socket);
    }, reject);
  });
}
