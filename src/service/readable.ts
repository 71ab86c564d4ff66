/**
 * Reads a topic for somebody who may not read all of it: its owner says after which sequence. What is before that is as if it
 * had never been, so nothing of it is told as lost. Everybody else reads at once, as does who asks for what is after it.
 */
import type { Principal } from '../auth/principal.ts';
import type { History, ReadRequest, Reply } from '../broker/broker.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { clientName, type Topic } from '../protocol/topic.ts';
import { inTime } from './answer-in-time.ts';
import type { ServiceContext } from './context.ts';
import type { TopicOwner } from './topic-owners.ts';

type Context = Pick<ServiceContext, 'broker' | 'owners' | 'scheduler' | 'limits'>;

const RETRY_MS = 1_000;

/** Whether everybody who may subscribe may read all of the topic: nobody has to be asked. */
export function isReadWhole({ owners }: Pick<Context, 'owners'>, topic: Topic): boolean {
  return owners === null || (owners.of(topic)?.readable ?? null) === null;
}

export function readAllowed(
  context: Context,
  principal: Principal,
  topic: Topic,
  request: ReadRequest,
  reply: Reply<History>,
): void {
  const { broker, owners } = context;
  const owner = owners?.of(topic) ?? null;
  if (owner?.readable === undefined || owner.readable === null) return broker.read(topic, request, reply);
  askOwner(context, owner, principal, topic, (floor) => {
    if (isRefusal(floor)) reply(floor);
    else if (floor.after === 0) broker.read(topic, request, reply);
    else readAfter(context, topic, request, floor.after, reply);
  });
}

/** First where the request stands: it may begin at a time, or in an epoch that is over. */
function readAfter(
  { broker }: Context,
  topic: Topic,
  request: ReadRequest,
  after: number,
  reply: Reply<History>,
): void {
  broker.read(topic, { ...request, limit: 0 }, (standing) => {
    if (isRefusal(standing)) return reply(standing);
    const { epoch, top, lost } = standing;
    // The owner may count further than the log has got.
    const least = Math.min(after, top);
    const bounded = standing.after >= least ? request : { ...request, after: { epoch, sequence: least } };
    broker.read(topic, bounded, (answer) =>
      reply(
        isRefusal(answer)
          ? answer
          : {
              ...answer,
              lost: answer.lost ?? lost,
              first: Math.max(answer.first, least + 1),
              publications: answer.publications.filter(({ position }) => (position?.sequence ?? 0) > after),
            },
      ),
    );
  });
}

interface Floor {
  readonly after: number;
}

function askOwner(
  { scheduler, limits }: Context,
  owner: TopicOwner,
  principal: Principal,
  topic: Topic,
  reply: (answer: Floor | Refusal) => void,
): void {
  const ms = limits.decisionTimeoutMs;
  inTime<Floor | Refusal>(
    scheduler,
    ms,
    (answered) =>
      owner.readable?.(principal, clientName(topic), (after) =>
        answered(typeof after === 'number' ? { after } : after),
      ),
    {
      answer: reply,
      missing: () =>
        reply(refusal('rights_unavailable', `expected an answer of ${owner.app} within ${ms} ms`, RETRY_MS)),
      late: () => {},
    },
  );
}
