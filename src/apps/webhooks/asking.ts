/** The decisions that wait for the backend, and the frames that it answers. */
import type { Principal } from '../../auth/principal.ts';
import type { Action, PresenceAction } from '../../auth/rights.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { Decision, Frame, Hooks, Message, OwnedTopics, Parts, PublishingAnswer } from '../app.ts';
import type { Host } from '../host-api.ts';
import { whoIs } from './events.ts';
import type { Questions } from './questions.ts';
import type { Settings } from './settings.ts';
import { verdictOf } from './verdicts.ts';

export class Asking {
  private readonly host: Host;
  private readonly settings: Settings;
  private readonly questions: Questions;

  constructor(host: Host, settings: Settings, questions: Questions) {
    this.host = host;
    this.settings = settings;
    this.questions = questions;
  }

  hooks(): Pick<Hooks, 'connecting'> {
    if (!this.settings.ask.includes('connecting')) return {};
    return {
      connecting: async ({ principal, address, origin }) => {
        const data = { ...whoIs(principal), address, origin };
        const outcome = await this.questions.ask('connecting', data, data);
        const verdict = verdictOf(this.host, outcome, this.settings.connecting_when_down);
        if (verdict === undefined || this.host.isRefusal(verdict)) return verdict;
        return { subscribe: verdict.subscribe ?? [] };
      },
    };
  }

  topics(): readonly OwnedTopics[] {
    const { ask, topics } = this.settings;
    const decides: Action[] = [];
    if (ask.includes('subscribing')) decides.push('subscribe');
    if (ask.includes('publishing')) decides.push('publish');
    if (ask.includes('presence')) decides.push('presence.enter', 'presence.read', 'presence.count');
    if (decides.length === 0) return [];
    // Of publishing the message itself is what is asked about, a moment later.
    const mayAct: OwnedTopics['mayAct'] = (principal, action, topic) => {
      if (action === 'publish') return true;
      return action === 'subscribe' ? this.subscribing(principal, topic) : this.presence(principal, action, topic);
    };
    const publishing = (principal: Principal, message: Message) => this.publishing(principal, message);
    const asked = decides.includes('publish') ? { publishing } : {};
    return topics.map((pattern) => ({ pattern, mayAct, decides, ...asked }));
  }

  frames(): NonNullable<Parts['frames']> {
    return Object.fromEntries(this.settings.frames.map((type) => [type, this.frame()]));
  }

  /** The server remembers the answer, for the seconds that it names. */
  private async subscribing(principal: Principal, topic: string): Promise<Decision> {
    const data = { ...whoIs(principal), topic, is_pattern: looksLikePattern(topic) };
    return this.decision('subscribing', data, this.settings.subscribing_when_down);
  }

  private async presence(principal: Principal, action: PresenceAction, topic: string): Promise<Decision> {
    const data = { ...whoIs(principal), topic, right: RIGHTS[action] };
    return this.decision('presence', data, this.settings.presence_when_down);
  }

  private async decision(
    question: 'subscribing' | 'presence',
    data: Readonly<Record<string, JsonValue>>,
    whenDown: Settings['presence_when_down'],
  ): Promise<Decision> {
    const outcome = await this.questions.ask(question, null, data);
    const verdict = verdictOf(this.host, outcome, whenDown);
    const isRefused = verdict !== undefined && this.host.isRefusal(verdict);
    const ageSecs = outcome.kind === 'answer' ? (outcome.answer.remember_secs ?? 0) : 0;
    return { answer: isRefused ? verdict : true, ageSecs };
  }

  private async publishing(principal: Principal, message: Message): Promise<PublishingAnswer> {
    const { topic, payload, clientId, idempotencyKey } = message;
    const data = { ...whoIs(principal), topic, payload, client_id: clientId, idempotency_key: idempotencyKey };
    const outcome = await this.questions.ask('publishing', null, data);
    const verdict = verdictOf(this.host, outcome, this.settings.publishing_when_down);
    if (verdict === undefined || this.host.isRefusal(verdict)) return verdict;
    return verdict.payload === undefined ? undefined : { payload: verdict.payload };
  }

  private frame(): Frame {
    const { host } = this;
    return host.frame({
      schema: (z) => z.custom<JsonValue>().optional(),
      deadlineMs: this.settings.timeout_ms + SLACK_MS,
      handle: async (data, { principal, connectionId, type: sent, frameId }) => {
        const about = { ...whoIs(principal), connection: connectionId, frame: sent, id: frameId, data };
        const outcome = await this.questions.ask('frame', null, about);
        const verdict = verdictOf(host, outcome, 'refuse', 'application_timeout');
        if (verdict === undefined || host.isRefusal(verdict)) return verdict;
        return verdict.data;
      },
    });
  }
}

/** Our own time-out says more than the server's. */
const SLACK_MS = 1_000;

const RIGHTS: Readonly<Record<PresenceAction, string>> = {
  'presence.enter': 'enter',
  'presence.read': 'read',
  'presence.count': 'count',
};
