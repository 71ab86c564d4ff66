/** What a backend can ask of a topic: a page of its log, as `History` gives it on the wire, and where its head is. */
import { isRefusal } from '../protocol/errors.ts';
import { READ_COST } from '../connection/charges.ts';
import { readProblem } from '../connection/commands/checks.ts';
import { pageDetails, pageRequest } from '../connection/commands/history.ts';
import { nodeName } from '../connection/commands/names.ts';
import type { Node } from '../node/node.ts';
import type { GuardedRoute, HttpResponse } from '../node/route.ts';
import type { HistoryFrame } from '../protocol/frames.ts';
import { pageText } from '../protocol/json.ts';
import type { Position } from '../protocol/position.ts';
import { apiRoute, refused, type Call } from './api.ts';
import { positionText, readPage } from './page-query.ts';

export function topicRoutes(node: Node, trustedProxies: readonly string[]): GuardedRoute[] {
  return [
    apiRoute(node, trustedProxies, {
      method: 'GET',
      path: '/api/topics/:topic/history',
      cost: READ_COST,
      answer: history,
    }),
    apiRoute(node, trustedProxies, { method: 'GET', path: '/api/topics/:topic/position', cost: 1, answer: position }),
  ];
}

async function history(call: Call): Promise<HttpResponse> {
  const { context } = call.parts;
  const { topic = '' } = call.request.parameters;
  const frame = readPage(topic, call.request.query);
  if (isRefusal(frame)) return refused(frame);
  const problem = readProblem({ context, principal: call.principal }, topic);
  if (problem !== null) return refused(problem);
  return new Promise((resolve) => {
    context.broker.read(nodeName(call.principal, topic), pageRequest(frame), (answer) => {
      if (isRefusal(answer)) return resolve(refused(answer));
      const details = pageDetails(frame, answer);
      resolve({
        status: 200,
        headers: { 'content-type': 'application/json', ...nextLink(frame, details.next) },
        body: pageText({ ...details }, answer.publications),
      });
    });
  });
}

async function position(call: Call): Promise<HttpResponse> {
  const { context } = call.parts;
  const { topic = '' } = call.request.parameters;
  const problem = readProblem({ context, principal: call.principal }, topic);
  if (problem !== null) return refused(problem);
  return new Promise((resolve) => {
    context.broker.read(nodeName(call.principal, topic), { after: 'earliest', limit: 0, maxBytes: 0 }, (answer) => {
      if (isRefusal(answer)) return resolve(refused(answer));
      const { epoch, top, first } = answer;
      resolve({ status: 200, body: { topic, position: { epoch, sequence: top }, first } });
    });
  });
}

/** The next page as a relative reference (RFC 8288), for programs that follow links. */
function nextLink(frame: HistoryFrame, next: Position | undefined): Record<string, string> {
  if (next === undefined) return {};
  const { since, before, limit, reverse } = frame;
  const bounds = reverse ? { since, before: next } : { since: next, before };
  const query = new URLSearchParams({ limit: String(limit), ...(reverse && { reverse: 'true' }) });
  for (const [name, value] of Object.entries(bounds)) if (value !== undefined) query.set(name, positionText(value));
  return { link: `<?${query.toString()}>; rel="next"` };
}
