/** What a node does once a second. */
import type { NodeFigures } from '../../node/figures.ts';
import type { Operations } from '../../node/operations.ts';
import { Pulse } from '../../node/pulse.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../telemetry/system-clock.ts';
import type { LoadWatch } from '../../telemetry/load-watch.ts';
import type { Remainder } from '../../telemetry/round.ts';
import type { Storage } from '../storage/storage.ts';
import type { Core } from './core.ts';

/** Of what is kept of users. */
const SWEEP_BEATS = 10;

/** @param failed called when the pulse is given up: the node cannot go on */
export function buildPulse(
  { node, mode, context }: Core,
  operations: Operations,
  storage: Storage,
  figures: NodeFigures,
  load: LoadWatch,
  failed: () => void,
): Pulse {
  const { supervisor, router, users, presence, authorizer } = context;
  const beat = (): void => {
    node.beat();
    operations.beat();
    router.beat();
    presence?.presence.sweep();
    figures.beat(pulse.lagMs);
    load.beat();
  };
  const isTime = (): boolean => mode.beat % SWEEP_BEATS === 0;
  const sweepUsers = (): Remainder => (isTime() || users.isSweeping ? users.sweep(clock.elapsed()) : 'nothing');
  const sweepDecisions = (): Remainder => (isTime() || authorizer.isSweeping ? authorizer.sweep() : 'nothing');
  const sweeps = [...storage.sweeps, () => router.sweep(), sweepUsers, sweepDecisions];
  const pulse = new Pulse(supervisor, clock, scheduler, { beat, sweeps }, failed);
  return pulse;
}
