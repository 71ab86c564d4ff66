/** The official client of Socket.IO, as shipped, against a server of ours; every client ends with its test. */
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { within } from './deadline.ts';
import { tokenOf, type TokenOptions } from './tokens.ts';

export type SocketIoOptions = Partial<ManagerOptions & SocketOptions>;

/** What an acknowledgement hands over. */
export interface Outcome {
  readonly ok: boolean;
  readonly error?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly [name: string]: unknown;
}

/** A `message` as a client hears it. */
export interface Message {
  readonly topic: string;
  readonly sequence: number;
  readonly epoch: string;
  readonly payload: unknown;
  readonly from: string;
  readonly client_id?: string;
  readonly replayed?: boolean;
}

export class SocketIoClient {
  readonly socket: Socket;
  /** Every event, with its arguments. */
  readonly heard: (readonly [string, ...unknown[]])[] = [];
  private readonly looks = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.onAny((event: string, ...args: unknown[]) => this.note(event, args));
    for (const event of ['connect', 'connect_error', 'disconnect'])
      socket.on(event, (...args: unknown[]) => this.note(event, args));
  }

  /** The transport that it is on now. */
  get transport(): string {
    return this.socket.io.engine.transport.name;
  }

  ask(event: string, ...args: unknown[]): Promise<Outcome> {
    return within(this.socket.emitWithAck(event, ...args) as Promise<Outcome>, `an acknowledgement of ${event}`);
  }

  /** The arguments of the next event of this name that nobody has taken. */
  async next(event: string): Promise<readonly unknown[]> {
    const [, ...args] = await this.nextOf([event]);
    return args;
  }

  /** The next event of one of these names, with its name in front. */
  nextOf(events: readonly string[]): Promise<readonly [string, ...unknown[]]> {
    const found = new Promise<readonly [string, ...unknown[]]>((resolve) => {
      const look = (): void => {
        const at = this.heard.findIndex(([name]) => events.includes(name));
        if (at === -1) return;
        this.looks.delete(look);
        resolve(...(this.heard.splice(at, 1) as [readonly [string, ...unknown[]]]));
      };
      this.looks.add(look);
      look();
    });
    return within(found, `the event ${events.join(' or ')}`);
  }

  async messages(count: number): Promise<Message[]> {
    const messages: Message[] = [];
    while (messages.length < count) messages.push((await this.next('message'))[0] as Message);
    return messages;
  }

  /** Cuts the network below: no packet says so. */
  cut(): void {
    const { transport } = this.socket.io.engine as unknown as {
      transport: { readonly ws?: { terminate(): void }; onError(reason: string): void };
    };
    if (transport.ws === undefined) transport.onError('cut');
    else transport.ws.terminate();
  }

  /** Cuts it off for as long as the test wants: what happens until {@link comeBack} happens while it is away. */
  async cutOff(): Promise<void> {
    this.socket.io.reconnection(false);
    this.cut();
    await this.next('disconnect');
  }

  /** As the library comes back by itself. */
  async comeBack(): Promise<void> {
    this.socket.io.reconnection(true);
    this.socket.connect();
    await this.next('connect');
  }

  private note(event: string, args: readonly unknown[]): void {
    this.heard.push([event, ...args]);
    for (const look of this.looks) look();
  }
}

/** A client that has not connected yet, or is about to. @param auth in place of a token of this user */
export function socketIo(port: number, options: SocketIoOptions = {}, namespace = '/'): SocketIoClient {
  const socket = io(`http://127.0.0.1:${port}${namespace}`, {
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    ...options,
  });
  onTestFinished(() => void socket.disconnect());
  return new SocketIoClient(socket);
}

/** A client that is in. */
export async function connectSocketIo(
  port: number,
  user: string,
  options: SocketIoOptions = {},
  token: Partial<TokenOptions> = {},
): Promise<SocketIoClient> {
  const client = socketIo(port, { auth: { token: await tokenOf(user, token) }, ...options });
  await client.next('connect');
  return client;
}
