/** `POST /poll`: waits a while for news of some topics. Nothing is kept between two polls: the log is the buffer. */
import type { Node } from '../node/node.ts';
import type { Admitted, GuardedRoute } from '../node/route.ts';
import { isRefusal } from '../protocol/errors.ts';
import { MAX_HISTORY_LIMIT } from '../protocol/limits.ts';
import type { Accepted } from '../node/admission.ts';
import { arrive, refused } from './arrival.ts';
import { readJson } from './json.ts';
import { boundsOf, PollAnswer } from './poll-answer.ts';
import { planOf, wishesOfBody } from './wishes.ts';

export interface PollSettings {
  readonly maxTopics: number;
  readonly maxWaitMs: number;
}

export function pollRoute(node: Node, settings: PollSettings): GuardedRoute {
  return {
    method: 'POST',
    path: '/poll',
    maxBody: node.parts.context.limits.maxMessageSize,
    authorize: (head, decide) => {
      arrive(node, 'poll', head, (admission) => {
        decide(admission.kind === 'refused' ? admission : polling(node, admission, settings));
      });
    },
  };
}

function polling({ parts }: Node, admission: Accepted, { maxTopics, maxWaitMs }: PollSettings): Admitted {
  let gone = admission.abandon;
  return {
    abandon: () => gone(),
    handle: ({ body }) => {
      const value = readJson(body);
      const wishes = isRefusal(value) ? value : wishesOfBody(value.json);
      const plan = isRefusal(wishes) ? wishes : planOf(wishes, admission.subscribe, maxTopics);
      const most = { waitMs: maxWaitMs, max: MAX_HISTORY_LIMIT };
      const bounds = isRefusal(wishes) ? wishes : boundsOf(wishes.fields, most);
      const problem =
        parts.authenticator.lapsed(admission.principal) ??
        (isRefusal(plan) ? plan : null) ??
        (isRefusal(bounds) ? bounds : null);
      if (problem !== null || isRefusal(plan) || isRefusal(bounds)) {
        admission.abandon();
        return refused(problem as Parameters<typeof refused>[0]);
      }
      const answer = new PollAnswer(admission, plan, bounds, parts.context.scheduler);
      gone = () => answer.abandon();
      return answer.run();
    },
  };
}
