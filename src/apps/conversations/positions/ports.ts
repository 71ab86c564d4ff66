/** Ports of the operations on positions, beside those that all have. */
import type { Ports } from '../ports.ts';
import { moverOf, type Mover } from './moving.ts';

export interface PositionPorts extends Ports {
  readonly mover: Mover;
}

export function positionPortsOf(ports: Ports): PositionPorts {
  return { ...ports, mover: moverOf(ports.database) };
}
