/** HTTP as the client library sees it, over the node's own streams, polls and frames: nothing arrives in the middle of a call. */
import { EventParser } from '../client/sse/event-parser.ts';
import type { HttpEvents, HttpPort } from '../client/sse/index.ts';
import { arrive } from '../dialects/arrival.ts';
import { answerFrames } from '../dialects/frames.ts';
import { answerPoll } from '../dialects/poll.ts';
import { sseRoutes } from '../dialects/sse.ts';
import type { Accepted } from '../node/admission.ts';
import { Feed, type FeedSink, type HttpResponse, type RequestHead } from '../node/route.ts';
import type { World } from './world.ts';

export interface HttpWatch {
  /** A frame of the client, as text; a stream and a poll count as a `Subscribe`. */
  sent(text: string): void;
  /** A frame of the node, or an array of them, before the client sees it. */
  arrives(text: string): void;
}

const SETTINGS = { maxTopics: 50, maxWaitMs: 25_000 };

/** @returns what says that the client has gone */
type Answering = (admission: Accepted, done: (response: HttpResponse) => void) => () => void;

export class SimulatedHttp {
  readonly post: HttpPort;
  private readonly calls = new Set<Call>();

  constructor(world: World, watch: HttpWatch) {
    this.post = (url, token, body, events) => {
      const call = new Call(world, watch, { url, token, body }, events, () => this.calls.delete(call));
      this.calls.add(call);
      return () => call.leave();
    };
  }

  /** Requests that are under way. */
  get size(): number {
    return this.calls.size;
  }

  /** The network is gone: the client learns of it at its next look, the node at once. */
  break(): void {
    for (const call of this.calls) call.break();
  }

  /** The client sees what has arrived. @returns whether there was something */
  deliver(): boolean {
    let isBusy = false;
    for (const call of this.calls) while (call.deliver()) isBusy = true;
    return isBusy;
  }
}

interface Asked {
  readonly url: string;
  readonly token: string | undefined;
  readonly body: string;
}

class Call implements FeedSink {
  private readonly world: World;
  private readonly watch: HttpWatch;
  private readonly asked: Asked;
  private readonly events: HttpEvents;
  private readonly over: () => void;
  private readonly inbox: (() => void)[] = [];
  private readonly decoder = new TextDecoder();
  private readonly parser: EventParser;
  /** Tells the node that the client has gone. */
  private gone: () => void = () => {};
  private isDialled = false;
  private isOver = false;

  constructor(world: World, watch: HttpWatch, asked: Asked, events: HttpEvents, over: () => void) {
    this.world = world;
    this.watch = watch;
    this.asked = asked;
    this.events = events;
    this.over = over;
    this.parser = new EventParser((data) => watch.arrives(data));
  }

  deliver(): boolean {
    if (this.isOver) return false;
    if (!this.isDialled) {
      this.isDialled = true;
      this.dial();
      return true;
    }
    const next = this.inbox.shift();
    next?.();
    return next !== undefined;
  }

  /** By the client. */
  leave(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.over();
    this.gone();
  }

  break(): void {
    this.gone();
    this.gone = () => {};
    this.isDialled = true;
    this.inbox.length = 0;
    this.end();
  }

  // What the node writes to

  write(bytes: Uint8Array): boolean {
    const text = this.decoder.decode(bytes, { stream: true });
    this.inbox.push(() => {
      this.parser.push(text);
      this.events.text(text);
    });
    return true;
  }

  end(): void {
    this.gone = () => {};
    this.inbox.push(() => {
      this.isOver = true;
      this.over();
      this.events.ended();
    });
  }

  close(): void {
    this.end();
  }

  private dial(): void {
    const { world, watch } = this;
    const { node } = world;
    const { url, body } = this.asked;
    const head = this.head();
    const value = JSON.parse(body) as readonly object[] | { readonly topics: unknown };
    if (Array.isArray(value)) {
      for (const frame of value as readonly object[]) watch.sent(JSON.stringify(frame));
      return this.brief('frames', head, (...asked) => answerFrames(node, asked[0], body, asked[1]));
    }
    watch.sent(JSON.stringify({ type: 'Subscribe', data: value }));
    if (url.endsWith('poll'))
      return this.brief('poll', head, (...asked) => answerPoll(node, asked[0], SETTINGS, body, asked[1]));
    sseRoutes(node, SETTINGS)[1]?.authorize(head, (verdict) => {
      if ('answer' in verdict) return this.whole(verdict.answer);
      const response = verdict.handle({ ...head, body }) as HttpResponse;
      const { body: feed } = response;
      if (!(feed instanceof Feed)) return this.whole(response);
      this.inbox.push(() => this.events.answered(response.status, 0));
      this.gone = () => feed.closed();
      feed.opened(this);
    });
  }

  private brief(over: 'frames' | 'poll', head: RequestHead, answering: Answering): void {
    const { world } = this;
    arrive(world.node, over, head, (admission) => {
      if (admission.kind === 'refused') return this.whole(admission.answer);
      world.briefAnswers += 1;
      let isOpen = true;
      const ended = (): void => {
        if (isOpen) world.briefAnswers -= 1;
        isOpen = false;
      };
      const abandon = answering(admission, (response) => {
        ended();
        this.whole(response);
      });
      if (!isOpen) return;
      this.gone = () => {
        ended();
        abandon();
      };
    });
  }

  private whole({ status, headers = {}, body }: HttpResponse): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.inbox.push(() => {
      if (status === 200) for (const frames of framesOf(text)) this.watch.arrives(frames);
      this.events.answered(status, Number(headers['retry-after'] ?? 0) * 1_000);
      this.events.text(text);
    });
    this.end();
  }

  private head(): RequestHead {
    const headers: Readonly<Record<string, string>> = { authorization: `Bearer ${this.asked.token ?? ''}` };
    return {
      method: 'POST',
      path: new URL(this.asked.url).pathname,
      query: new URLSearchParams(),
      header: (name) => headers[name],
      parameters: {},
      address: '127.0.0.1',
    };
  }
}

/** An answer as the frames that a WebSocket would have brought. */
function framesOf(text: string): readonly string[] {
  const answer = JSON.parse(text) as readonly object[] | Readonly<Record<'items' | 'gaps' | 'positions', object>>;
  if (!('items' in answer)) return [text];
  const { positions, items, gaps } = answer;
  const subscribed = { type: 'Status', data: { status: 'subscribed', details: { positions } } };
  return [subscribed, items, gaps].map((frames) => JSON.stringify(frames));
}
