/** What runs here: `/info`. */
import type { Node } from '../node/node.ts';
import type { Route } from '../node/route.ts';
import { PROTOCOL_VERSION } from '../protocol/limits.ts';
import { SUBPROTOCOLS } from '../protocol/codecs.ts';

export function infoRoutes(node: Node, build: Readonly<Record<string, string>>): Route[] {
  return [
    {
      method: 'GET',
      path: '/info',
      handle: () => ({
        status: 200,
        body: {
          name: 'signalbox',
          node: node.parts.mode.name,
          ...build,
          protocol_version: PROTOCOL_VERSION,
          subprotocols: [...SUBPROTOCOLS.keys()],
          endpoint: '/ws',
        },
      }),
    },
  ];
}
