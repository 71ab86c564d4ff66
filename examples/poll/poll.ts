/**
 * A live poll, as an application of Signalbox. The truth is the log of the topic `poll.<id>`: the question is its first
 * message, and every vote is one more. So all nodes agree, nothing is lost with a process, and a client that resumes has missed nothing.
 */
import type { App, Caller, Host, Position, Principal, Refusal } from 'signalbox';

interface Settings {
  readonly creators: string[];
  readonly max_options: number;
}

type Question = { readonly question: string; readonly options: string[]; readonly by: string };

interface Results extends Question {
  readonly votes: Record<string, number>;
}

/** Messages read at once. */
const PAGE = 500;
const topicOf = (poll: string): string => `poll.${poll}`;

export const app: App<Settings> = {
  name: 'poll',
  settings: (z) =>
    z.strictObject({
      creators: z.array(z.string()).default(['user']).describe('roles that may create polls'),
      max_options: z.int().min(2).max(100).default(10).describe('options of a poll'),
    }),
  start(host, settings) {
    const polls = new Polls(host);
    const votes = host.counter('votes_total', 'Votes that were counted.');
    return {
      // 1. Frames: what clients ask over their socket.
      frames: {
        'X-PollCreate': host.frame({
          schema: (z) => z.strictObject({ poll: id(z), question: text(z), options: z.array(text(z)).min(2) }),
          cost: 5,
          async handle({ poll, question, options }, { principal }) {
            if (!principal.roles.some((role) => settings.creators.includes(role)))
              return host.refuse('not_allowed', `expected one of the roles ${settings.creators.join(', ')}`);
            if (options.length > settings.max_options)
              return host.refuse('invalid_field', `data.options: expected at most ${settings.max_options}`);
            return polls.create(poll, principal, { question, options, by: principal.user });
          },
        }),
        'X-PollVote': host.frame({
          schema: (z) => z.strictObject({ poll: id(z), option: text(z) }),
          deadlineMs: 2_000,
          async handle({ poll, option }, caller) {
            const answer = await polls.vote(poll, option, caller);
            if (!host.isRefusal(answer) && answer.counted) votes.add();
            return answer;
          },
        }),
      },
      // 2. Topics that it owns, and the rule: everybody may listen, and only the application publishes.
      topics: [{ pattern: 'poll.*', mayAct: (_principal, action) => action === 'subscribe' }],
      // 3. A route: what backends and pages ask over HTTP.
      routes: [
        host.route({
          method: 'GET',
          path: '/api/polls/:poll',
          access: 'user',
          summary: 'The question of a poll and its votes.',
          answers: (z) => ({ 200: z.object({ question: z.string(), votes: z.record(z.string(), z.int()) }) }),
          async handle({ parameters, principal }) {
            const results = await polls.results(parameters['poll'] ?? '', principal.tenant);
            return host.isRefusal(results) ? results : { body: results };
          },
        }),
      ],
      // 4. A hook: everybody who connects hears of new polls.
      hooks: { connecting: () => ({ subscribe: ['polls'] }) },
    };
  },
  // 5. A verb: ./signalbox poll results lunch
  verbs: [
    {
      name: 'results',
      usage: 'POLL',
      summary: 'Prints the votes of a poll.',
      async run({ words, request, print }) {
        const { status, body } = await request('GET', `/api/polls/${encodeURIComponent(words[0] ?? '')}`);
        print(JSON.stringify(body));
        return status === 200 ? 0 : 1;
      },
    },
  ],
};

class Polls {
  private readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  async create(poll: string, { tenant }: Principal, question: Question) {
    // With the same key the same poll is created once, and another one is refused.
    const created = await this.host.publish(topicOf(poll), { tenant, payload: question, idempotencyKey: 'question' });
    if (this.host.isRefusal(created)) return created;
    if (!created.duplicate) await this.host.publish('polls', { tenant, payload: { poll, ...question } });
    return { poll };
  }

  async vote(poll: string, option: string, { principal }: Caller) {
    const { tenant, user } = principal;
    const results = await this.results(poll, tenant);
    if (this.host.isRefusal(results)) return results;
    if (!results.options.includes(option))
      return this.host.refuse('invalid_field', `data.option: expected one of ${results.options.join(', ')}`);
    // The user is the sender: with the same key nobody votes twice, on whatever node.
    const message = { tenant, from: user, payload: { option }, idempotencyKey: 'vote' };
    const counted = await this.host.publish(topicOf(poll), message);
    return this.host.isRefusal(counted) ? counted : { counted: !counted.duplicate };
  }

  /** Counted from the log, which is the same on every node. */
  async results(poll: string, tenant: string): Promise<Results | Refusal> {
    const voted = new Map<string, string>();
    let question: Question | null = null;
    for (let after: Position | undefined; ;) {
      const page = await this.host.history(topicOf(poll), { tenant, limit: PAGE, ...(after && { after }) });
      if (this.host.isRefusal(page)) return page;
      for (const { payload, from } of page.messages) {
        if (question === null) question = payload as unknown as Question;
        // The first vote of a user counts, also when keys are forgotten.
        else if (!voted.has(from)) voted.set(from, (payload as { option: string }).option);
      }
      after = page.messages.at(-1)?.at;
      if (after === undefined || after.sequence >= page.head.sequence) break;
    }
    if (question === null) return this.host.refuse('not_found', 'expected a poll that somebody has created');
    const votes = Object.fromEntries(question.options.map((option) => [option, 0]));
    for (const option of voted.values()) votes[option] = (votes[option] ?? 0) + 1;
    return { ...question, votes };
  }
}

const id = (z: Host['z']) => z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const text = (z: Host['z']) => z.string().min(1).max(200);
