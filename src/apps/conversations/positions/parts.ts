/** What this room gives the application. */
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import { Following } from './following.ts';
import { positionFrames } from './frames.ts';
import type { PositionPorts } from './ports.ts';
import { recountRoute } from './recount-route.ts';

export interface PositionParts {
  readonly frames: NonNullable<Parts['frames']>;
  readonly routes: NonNullable<Parts['routes']>;
  readonly hooks: Required<Pick<NonNullable<Parts['hooks']>, 'connecting' | 'connected'>>;
  /** Resolves when every position that was given is stored. */
  readonly settled: () => Promise<void>;
}

export function positionParts(host: Host, ports: PositionPorts): PositionParts {
  const following = new Following({ host, database: ports.database, settings: ports.settings });
  return {
    frames: positionFrames(host, ports),
    routes: [recountRoute(host, ports)],
    hooks: {
      connecting: (facts) => following.connecting(facts),
      connected: (facts) => following.connected(facts),
    },
    settled: () => ports.mover.settled(),
  };
}
