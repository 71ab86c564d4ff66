/** One answer on its way from the provider to those who read the session, and into its place among the messages. */
import { isRefusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { ProviderError, type End, type Ending, type Question, type Usage } from '../providers/provider.ts';
import { estimatedUsage } from '../providers/tokens.ts';
import { ASSISTANT, type Ports } from '../ports.ts';
import { LiveText, type Delta } from './live-text.ts';
import { correlationOf, endAttempt, type AnswerKey, type Ended } from './records.ts';

/** Why an answer ends before its end. */
export type Stop = 'stopped' | 'interrupted';

const NOTHING: Usage = { inputTokens: 0, outputTokens: 0 };

export class RunningAnswer {
  readonly key: AnswerKey;
  /** Resolves when nothing of it is under way any more. */
  readonly ended: Promise<void>;
  private readonly ports: Ports;
  private readonly owner: { readonly tenant: string; readonly user: string };
  private readonly cut = new AbortController();
  private readonly text: LiveText;
  private readonly askedAt: number;

  constructor(ports: Ports, key: AnswerKey, user: string, question: Question) {
    this.ports = ports;
    this.key = key;
    this.owner = { tenant: key.tenant, user };
    this.askedAt = ports.host.clock.elapsed();
    const { merge_ms: mergeMs, max_answer: most } = ports.settings;
    this.text = new LiveText({ mergeMs, most }, ports.host.scheduler, (delta) =>
      this.tell({ event: 'answer.delta', ...delta }),
    );
    this.ended = this.run(question);
  }

  stop(why: Stop): void {
    if (why === 'interrupted' && !this.cut.signal.aborted) {
      const { session, question } = this.key;
      const about = { correlation_id: correlationOf(this.key), session, question };
      this.ports.host.log.warn('An answer is interrupted: this node ends, or lost its hold on it', about);
    }
    this.cut.abort(why);
  }

  /** For readers that have come since, or have missed something: those who have it all notice nothing new. */
  tellWhole(): void {
    const whole: Delta = { from: 0, text: this.text.whole };
    this.tell({ event: 'answer.delta', ...whole });
  }

  private async run(question: Question): Promise<void> {
    this.tell({
      event: 'typing',
      user: ASSISTANT,
      isTyping: true,
      until: this.ports.host.clock.now() + this.ports.settings.answer_ms,
    });
    const ended = await this.read(question);
    try {
      await this.finish(ended);
    } catch (error) {
      // The hold on it ends, and then it is interrupted.
      const correlationId = correlationOf(this.key);
      this.ports.host.log.error('An answer could not be stored', {
        correlation_id: correlationId,
        session: this.key.session,
        error: String(error),
      });
      this.tell({ event: 'answer.end', status: 'interrupted', correlationId });
    }
    this.tell({ event: 'typing', user: ASSISTANT, isTyping: false });
  }

  private async read(question: Question): Promise<Ended & { readonly ending?: Ending }> {
    try {
      const { usage, ending } = await this.asked(question);
      return this.done(usage, ending);
    } catch (error) {
      if (this.text.isFull) return this.done(estimatedUsage(question, this.text.whole), 'length');
      // Nobody says what half of an answer has cost; what it cost counts all the same.
      const usage = this.text.isEmpty ? NOTHING : estimatedUsage(question, this.text.whole);
      if (this.cut.signal.aborted) return { status: this.cut.signal.reason as Stop, usage };
      const failure = error instanceof ProviderError ? error.failure : 'garbage';
      const { session, question: place } = this.key;
      const detail = error instanceof Error ? error.message : 'no error';
      this.ports.host.log.warn('No answer', {
        correlation_id: correlationOf(this.key),
        session,
        question: place,
        provider: this.ports.provider.name,
        failure,
        detail,
      });
      this.ports.condition.ended(this.seconds(), failure);
      return {
        status: 'failed',
        failure,
        retryAfterMs: error instanceof ProviderError ? error.retryAfterMs : undefined,
        usage,
      };
    } finally {
      this.text.end();
    }
  }

  private done(usage: Usage, ending: Ending): Ended & { readonly ending: Ending } {
    this.ports.condition.ended(this.seconds(), null);
    return { status: 'done', usage, ending };
  }

  private asked(question: Question): Promise<End> {
    const { tenant, user } = this.owner;
    const { shared, provider } = this.ports;
    const reader = { hear: (text: string) => this.heard(text), signal: this.cut.signal };
    return shared.read(
      { tenant, user, question },
      (hear, signal) => provider.answer(question, hear, signal, { tenant, user }),
      reader,
      this.key.attempt > 1,
    ).end;
  }

  private heard(text: string): void {
    // An answer that was stopped, or is full, has been told to its end.
    if (this.cut.signal.aborted) return;
    if (this.text.isEmpty) this.ports.counts.firstDelta.observe(this.seconds());
    this.text.add(text);
    if (this.text.isFull) this.cut.abort('full');
  }

  /** A message is stored where there is something to say, also half of it, and says itself that it is one. */
  private async finish(ended: Ended & { readonly ending?: Ending }): Promise<void> {
    const { counts, database, host } = this.ports;
    const { status, failure, retryAfterMs, usage = NOTHING, ending } = ended;
    const text = this.text.whole;
    const message =
      text.trim() === '' || status === 'interrupted'
        ? undefined
        : await this.store(text, { status, failure, ending, usage });
    const isFirst = await endAttempt(database, this.key, { ...ended, message }, host.clock.now());
    if (!isFirst) return;
    this.ports.news.tell(this.key);
    counts.answers.add(1, status);
    if (failure !== undefined) counts.failures.add(1, failure);
    counts.tokens.add(usage.inputTokens, 'input');
    counts.tokens.add(usage.outputTokens, 'output');
    counts.whole.observe(this.seconds());
    this.tell({
      event: 'answer.end',
      status,
      ...(failure !== undefined && { failure }),
      ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
      ...((status === 'failed' || status === 'interrupted') && { correlationId: correlationOf(this.key) }),
      ...(message !== undefined && { sequence: message }),
    });
  }

  private async store(
    content: string,
    {
      status,
      failure,
      ending,
      usage,
    }: Pick<Ended, 'status' | 'failure'> & { readonly ending: Ending | undefined; readonly usage: Usage },
  ): Promise<number> {
    const { conversations, settings, host } = this.ports;
    const { tenant, session, question, attempt } = this.key;
    const answer = {
      question,
      attempt,
      status,
      ...(failure !== undefined && { failure }),
      ...(ending !== undefined && { ending }),
      model: settings.model,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      tookMs: Math.round(host.clock.elapsed() - this.askedAt),
    };
    const sent = await conversations.send({
      tenant,
      conversation: session,
      sender: ASSISTANT,
      // A second try after an answer of the database that was lost finds the first.
      clientId: `answer.${question}.${attempt}`,
      body: { content, metadata: { answer } },
      maxContent: settings.max_answer,
    });
    if (isRefusal(sent)) throw new Error(`${sent.reason}: ${sent.message}`);
    return sent.sequence;
  }

  private seconds(): number {
    return (this.ports.host.clock.elapsed() - this.askedAt) / 1_000;
  }

  private tell(payload: Readonly<Record<string, JsonValue>>): void {
    const { host, conversations } = this.ports;
    const { tenant, session, question, attempt } = this.key;
    const about = payload['event'] === 'typing' ? {} : { question, attempt };
    // Nobody keeps it: a reader that misses it asks for the text so far.
    void host.publish(conversations.liveTopicOf(session), {
      tenant,
      from: ASSISTANT,
      payload: { ...payload, ...about },
    });
  }
}
