/** What clients without WebSocket ask for: each becomes a connection of the node for as long as its answer lasts. */
import { clientAddress } from '../node/client-address.ts';
import type { Node } from '../node/node.ts';
import type { GuardedRoute } from '../node/route.ts';
import { framesRoute } from './frames.ts';
import { pollRoute, type PollSettings } from './poll.ts';
import { sseRoutes } from './sse.ts';

/** @param trustedProxies whose `X-Forwarded-For` says where a request comes from */
export function dialectRoutes(node: Node, trustedProxies: readonly string[], settings: PollSettings): GuardedRoute[] {
  const senderOf: GuardedRoute['senderOf'] = (head) =>
    clientAddress({ peer: head.address, forwardedFor: head.header('x-forwarded-for') ?? '' }, trustedProxies);
  return [...sseRoutes(node, settings), pollRoute(node, settings), framesRoute(node)].map((route) => ({
    ...route,
    senderOf,
  }));
}
