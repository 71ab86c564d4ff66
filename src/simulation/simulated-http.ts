/** HTTP as the client library sees it, over the node's own streams and frames: nothing arrives in the middle of a call. */
import { EventParser } from '../client/sse/event-parser.ts';
import type { HttpEvents, HttpPort } from '../client/sse/index.ts';
import { arrive } from '../dialects/arrival.ts';
import { answerFrames } from '../dialects/frames.ts';
import { sseRoutes } from '../dialects/sse.ts';
import { Feed, type FeedSink, type HttpResponse, type RequestHead } from '../node/route.ts';
import type { World } from './world.ts';

export interface HttpWatch {
  /** A frame of the client, as text; a stream counts as a `Subscribe`. */
  sent(text: string): void;
  /** A frame of the node, or an array of them, before the client sees it. */
  arrives(text: string): void;
}

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
    const { url, body } = this.asked;
    const head = this.head();
    if (url.endsWith('frames')) return this.frames(head);
    const { topics } = JSON.parse(body) as { readonly topics: unknown };
    this.watch.sent(JSON.stringify({ type: 'Subscribe', data: { topics } }));
    sseRoutes(this.world.node, { maxTopics: 50 })[1]?.authorize(head, (verdict) => {
      if ('answer' in verdict) return this.whole(verdict.answer);
      const response = verdict.handle({ ...head, body }) as HttpResponse;
      const { body: feed } = response;
      if (!(feed instanceof Feed)) return this.whole(response);
      this.inbox.push(() => this.events.answered(response.status, 0));
      this.gone = () => feed.closed();
      feed.opened(this);
    });
  }

  private frames(head: RequestHead): void {
    const { world } = this;
    for (const frame of JSON.parse(this.asked.body) as readonly unknown[]) this.watch.sent(JSON.stringify(frame));
    arrive(world.node, 'frames', head, (admission) => {
      if (admission.kind === 'refused') return this.whole(admission.answer);
      world.briefAnswers += 1;
      let isOpen = true;
      const over = (): void => {
        if (isOpen) world.briefAnswers -= 1;
        isOpen = false;
      };
      const abandon = answerFrames(world.node, admission, this.asked.body, (response) => {
        over();
        this.whole(response);
      });
      if (!isOpen) return;
      this.gone = () => {
        over();
        abandon();
      };
    });
  }

  private whole({ status, headers = {}, body }: HttpResponse): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.inbox.push(() => {
      if (status === 200) this.watch.arrives(text);
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
