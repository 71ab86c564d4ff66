/** What this room gives the application. */
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import { Following } from './following.ts';
import { positionFrames } from './frames.ts';
import type { PositionPorts } from './ports.ts';
import { recountRoute } from './recount-route.ts';
import { TypingEnds } from './typing-ends.ts';

export interface PositionParts {
  readonly frames: NonNullable<Parts['frames']>;
  readonly routes: NonNullable<Parts['routes']>;
  readonly hooks: Required<Pick<NonNullable<Parts['hooks']>, 'connecting' | 'connected'>>;
  /** Ends what runs, and resolves when every position that was given is stored. */
  readonly stop: () => Promise<void>;
}

export function positionParts(host: Host, ports: PositionPorts): PositionParts {
  const following = new Following({ host, database: ports.database, settings: ports.settings });
  const ends = new TypingEnds(host);
  return {
    frames: positionFrames(host, ports),
    routes: [recountRoute(host, ports)],
    hooks: {
      connecting: (facts) => following.connecting(facts),
      connected: (facts) => following.connected(facts),
    },
    stop: () => {
      ends.stop();
      return ports.mover.settled();
    },
  };
}
