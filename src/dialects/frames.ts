/** `POST /frames`: frames of a client that need no connection, each answered as on a connection, in order. */
import type { Node } from '../node/node.ts';
import type { Admitted, GuardedRoute, HttpResponse } from '../node/route.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { sliceElements } from '../protocol/json-slice.ts';
import { MAX_BATCH_FRAMES } from '../protocol/limits.ts';
import type { Accepted } from '../node/admission.ts';
import { arrive, refused } from './arrival.ts';
import { FrameAnswers, type Given } from './frame-answers.ts';
import { readJson } from './json.ts';

export function framesRoute(node: Node): GuardedRoute {
  return {
    method: 'POST',
    path: '/frames',
    maxBody: node.parts.context.limits.maxMessageSize,
    authorize: (head, decide) => {
      arrive(node, 'frames', head, (admission) => {
        decide(admission.kind === 'refused' ? admission : answering(node, admission));
      });
    },
  };
}

function answering(node: Node, admission: Accepted): Admitted {
  let gone = admission.abandon;
  return {
    abandon: () => gone(),
    handle: ({ body }) =>
      new Promise<HttpResponse>((resolve) => {
        gone = answerFrames(node, admission, body, resolve);
      }),
  };
}

/** @param done is told once, unless the client has gone @returns what says that it has */
export function answerFrames(
  { parts }: Node,
  admission: Accepted,
  body: string,
  done: (response: HttpResponse) => void,
): () => void {
  const given = parts.authenticator.lapsed(admission.principal) ?? framesOf(body);
  if (isRefusal(given)) {
    admission.abandon();
    done(refused(given));
    return () => {};
  }
  const answers = new FrameAnswers(admission, given, parts.context.scheduler);
  answers.start(done);
  return () => answers.abandon();
}

function framesOf(body: string): readonly Given[] | Refusal {
  const read = readJson(body);
  if (isRefusal(read)) return read;
  const { json } = read;
  if (!Array.isArray(json) || json.length === 0 || json.length > MAX_BATCH_FRAMES)
    return refusal('malformed', `expected an array of 1 to ${MAX_BATCH_FRAMES} frames`);
  const texts = sliceElements(body);
  return json.map((value: unknown, at) => ({ value, text: texts[at] ?? JSON.stringify(value) }));
}
