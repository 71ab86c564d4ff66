/** Views of other nodes over Redis: a question goes to the channel of an instance, and the answer to that of who asked. */
import type { Channels } from '../redis/channels.ts';
import { isFailure } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Random, Scheduler } from '../telemetry/clock.ts';
import type { AnswerView, NodeViews, ViewAnswer, ViewRequest } from './views.ts';

type Message =
  | { readonly kind: 'question'; readonly id: string; readonly from: string; readonly request: ViewRequest }
  | { readonly kind: 'answer'; readonly id: string; readonly answer: ViewAnswer };

/** As long as a command waits for its acknowledgements. */
const ANSWER_MS = 2_000;
const KIND = 'view';

export class RedisNodeViews implements NodeViews {
  private readonly channels: Channels;
  private readonly waiting = new Map<string, (answer: ViewAnswer | null) => void>();
  private instance = '';
  private answer: AnswerView = () => ({ status: 503, body: null });
  private readonly link: RedisLink;
  private readonly random: Random;
  private readonly scheduler: Scheduler;

  /** To be made before the link is started. */
  constructor(link: RedisLink, random: Random, scheduler: Scheduler) {
    this.link = link;
    this.random = random;
    this.scheduler = scheduler;
    this.channels = link.channels(KIND, {
      message: (_name, bytes) => void this.received(bytes),
      reconnected: () => this.listen(),
    });
  }

  get problem(): string | null {
    return this.link.isAvailable ? null : 'Redis is away';
  }

  start(instance: string, answer: AnswerView): void {
    this.instance = instance;
    this.answer = answer;
    this.listen();
  }

  ask(instance: string, request: ViewRequest): Promise<ViewAnswer | null> {
    const id = this.random.id();
    return new Promise((resolve) => {
      const timer = this.scheduler.after(ANSWER_MS, () => finish(null));
      const finish = (answer: ViewAnswer | null): void => {
        timer.cancel();
        this.waiting.delete(id);
        resolve(answer);
      };
      this.waiting.set(id, finish);
      this.send(instance, { kind: 'question', id, from: this.instance, request }, () => finish(null));
    });
  }

  private listen(): void {
    // Before the start there is no name to listen under.
    if (this.instance !== '') this.channels.subscribe([this.instance], [], () => {});
  }

  private async received(bytes: Buffer): Promise<void> {
    const message = parse(bytes);
    if (message === null) return;
    if (message.kind === 'answer') return this.waiting.get(message.id)?.(message.answer);
    const { id, from, request } = message;
    const { status, body } = await this.answer(request);
    this.send(from, { kind: 'answer', id, answer: { status, body } }, () => {});
  }

  /** @param unheard called where Redis is away, or nobody listens there: a node that was killed is a member until its lease ends. */
  private send(instance: string, message: Message, unheard: () => void): void {
    const channel = this.link.keys.channel(KIND, '', instance);
    this.link.write([['PUBLISH', channel, JSON.stringify(message)]], ([listeners]) => {
      if (isFailure(listeners) || listeners === 0) unheard();
    });
  }
}

function parse(bytes: Buffer): Message | null {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Message;
    return value.kind === 'question' || value.kind === 'answer' ? value : null;
  } catch {
    return null;
  }
}
