/** Every webhook is answered within `answer_ms`, whatever the database, the lookup of a tenant and the queue do (C-17, W-09). */
import type { RouteResponse } from '../../app-route.ts';
import type { Ports } from '../ports.ts';
import { answered } from './answers.ts';

/** @param work goes on behind a late answer: the sender comes again, and what was put twice is handled once */
export async function inTime(
  ports: Ports,
  side: 'whatsapp' | 'genesys',
  work: () => Promise<RouteResponse>,
): Promise<RouteResponse> {
  const { host, settings, counts, troubles } = ports;
  const began = host.clock.elapsed();
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = host.scheduler.after(settings.answer_ms, () => resolve(null));
  try {
    const working = work();
    // Nobody waits for it once it is late.
    working.catch(() => {});
    const answer = await Promise.race([working, late]);
    if (answer !== null) return answer;
    troubles.note('queue_away', '');
    host.log.warn('A webhook was not taken in time', { side, tenant: '', answer_ms: settings.answer_ms });
    return answered(ports, side, 'queue_away', 'the webhook was not taken in time');
  } finally {
    timer.cancel();
    counts.webhookSeconds.observe((host.clock.elapsed() - began) / 1_000);
  }
}
