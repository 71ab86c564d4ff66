/** `POST /poll`: waits a while for news of some topics. Nothing is kept between two polls: the log is the buffer. */
import type { Node } from '../node/node.ts';
import type { Admitted, GuardedRoute, HttpResponse } from '../node/route.ts';
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

function polling(node: Node, admission: Accepted, settings: PollSettings): Admitted {
  let gone = admission.abandon;
  return {
    abandon: () => gone(),
    handle: ({ body }) =>
      new Promise<HttpResponse>((resolve) => {
        gone = answerPoll(node, admission, settings, body, resolve);
      }),
  };
}

/** @param done is told once, unless the client has gone @returns what says that it has */
export function answerPoll(
  { parts }: Node,
  admission: Accepted,
  { maxTopics, maxWaitMs }: PollSettings,
  body: string,
  done: (response: HttpResponse) => void,
): () => void {
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
    done(refused(problem as Parameters<typeof refused>[0]));
    return () => {};
  }
  const answer = new PollAnswer(admission, plan, bounds, parts.context.scheduler);
  answer.start(done);
  return () => answer.abandon();
}
