/** Ports of the operations on positions, beside those that all have. */
import { namesOf, type Names } from './names.ts';
import type { Ports } from '../ports.ts';
import { moverOf, type Mover } from './moving.ts';

export interface PositionPorts extends Ports {
  readonly mover: Mover;
  readonly names: Names;
}

export function positionPortsOf(ports: Ports): PositionPorts {
  return { ...ports, mover: moverOf(ports.database), names: namesOf(ports.database, ports.host.clock) };
}
