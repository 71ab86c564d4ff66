/** A user on a connection: asks frames, and notes when the deltas of its answers come. */
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { benchToken } from '../tokens.ts';
import { WRITTEN_AT } from './model-server.ts';

type Answered = (frame: { readonly type: string; readonly data: { readonly details?: unknown } }) => void;

const ANSWER_MS = 30_000;

export class Talker {
  /** Answers that came to their end. */
  ended = 0;
  /** Told of every delta when it was written. */
  onDelta: (writtenAt: number) => void = () => {};
  private socket: LeanSocket | null = null;
  private readonly waiting = new Map<string, Answered>();
  private lastId = 0;

  static async open(port: number, user: string): Promise<Talker> {
    const talker = new Talker();
    const path = `/ws?token=${await benchToken(user)}`;
    const onMessage = (bytes: Buffer, start: number, end: number): void =>
      talker.came(bytes.toString('latin1', start, end));
    talker.socket = await LeanSocket.open({ host: '127.0.0.1', port, path, onMessage });
    return talker;
  }

  /** @throws when it is refused, or not answered within half a minute */
  ask<T>(type: string, data: object): Promise<T> {
    this.lastId += 1;
    const id = `${this.lastId}`;
    this.socket?.send(JSON.stringify({ type, id, data }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${type}`)), ANSWER_MS);
      this.waiting.set(id, (frame) => {
        clearTimeout(timer);
        if (frame.type === 'Error') reject(new Error(`${type}: ${JSON.stringify(frame.data)}`));
        else resolve(frame.data.details as T);
      });
    });
  }

  async begin(): Promise<string> {
    return (await this.ask<{ readonly id: string }>('X-AssistantBegin', {})).id;
  }

  close(): void {
    this.socket?.destroy();
  }

  private came(text: string): void {
    if (text.includes('"answer.delta"'))
      for (let at = text.indexOf(WRITTEN_AT); at !== -1; at = text.indexOf(WRITTEN_AT, at + 1))
        this.onDelta(Number.parseFloat(text.slice(at + WRITTEN_AT.length)));
    else if (text.includes('"answer.end"')) this.ended += 1;
    else if (text.includes('"reply_to"')) {
      const frame = JSON.parse(text) as Parameters<Answered>[0] & { readonly reply_to: string };
      this.waiting.get(frame.reply_to)?.(frame);
      this.waiting.delete(frame.reply_to);
    }
  }
}
