/** What a backend can ask of a topic: a page of its log, as `History` gives it on the wire, and where its head is. */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Node } from '../node/node.ts';
import type { GuardedRoute, HttpResponse } from '../node/route.ts';
import type { HistoryFrame } from '../protocol/frames.ts';
import { pageText } from '../protocol/json.ts';
import type { Position } from '../protocol/position.ts';
import { askToRead, readProblem } from '../service/checks.ts';
import { READ_COST } from '../service/rates.ts';
import { readPage, readPosition } from '../service/read.ts';
import { apiRoute, refused, type Call } from './api.ts';
import { pageOf, positionText } from './page-query.ts';

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
  const { topic = '' } = call.request.parameters;
  const frame = pageOf(topic, call.request.query);
  if (isRefusal(frame)) return refused(frame);
  const problem = await problemOf(call, topic);
  if (problem !== null) return refused(problem);
  return new Promise((resolve) => {
    readPage(call.parts.context, call.principal, frame, (page) => {
      if (isRefusal(page)) return resolve(refused(page));
      const { details, publications } = page;
      resolve({
        status: 200,
        headers: { 'content-type': 'application/json', ...nextLink(frame, details.next) },
        body: pageText({ ...details }, publications),
      });
    });
  });
}

async function position(call: Call): Promise<HttpResponse> {
  const { topic = '' } = call.request.parameters;
  const problem = await problemOf(call, topic);
  if (problem !== null) return refused(problem);
  return new Promise((resolve) => {
    readPosition(call.parts.context, call.principal, topic, (answer) =>
      resolve(isRefusal(answer) ? refused(answer) : { status: 200, body: { topic, ...answer } }),
    );
  });
}

/** Why the caller may not read the topic, or `null`: its owner may have to be asked. */
function problemOf({ parts: { context }, principal }: Call, topic: string): Promise<Refusal | null> {
  const known = readProblem(context, principal, topic);
  if (known !== undefined) return Promise.resolve(known);
  return new Promise((resolve) => {
    askToRead(context, principal, topic, resolve);
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
