/** The two conservation laws of delivery, checked at run time. A difference is a bug in this server. */
import { ENDED, JOINING, LAGGING, type Subscription } from './subscription.ts';

/**
 * How many publications the books of a subscription cannot explain:
 * - `routed = written live + queued + displaced + deferred` (what is purged at the end was queued until then)
 * - `position = joined + written (live or replayed) + announced as lost`
 */
export function unaccounted(subscription: Subscription): number {
  const { state, topic } = subscription;
  if (state === JOINING || state === ENDED) return 0;
  const routed = topic.routedCount - subscription.joinedCount;
  const deferred = subscription.deferred + (state === LAGGING ? topic.routedCount - subscription.lagCount : 0);
  const routing = routed - (subscription.live + subscription.queued + subscription.displaced + deferred);
  const place =
    subscription.written - (subscription.joined + subscription.live + subscription.replayed + subscription.lost);
  return Math.abs(routing) + Math.abs(place);
}
