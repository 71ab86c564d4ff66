import { bench, do_not_optimize, group } from 'mitata';
import { BoundedQueue } from '../../src/actor/bounded-queue.ts';
import { step, type LifecycleState } from '../../src/connection/lifecycle.ts';

group('bounded queue', () => {
  const empty = new BoundedQueue<number>({ capacity: 1_000, bytes: 1e9 });
  bench('offer and take', () => {
    empty.offer(1, 100);
    do_not_optimize(empty.take());
  });
});

group('transition table', () => {
  const states: LifecycleState[] = ['open', 'draining'];
  let at = 0;
  bench('step', () => {
    at ^= 1;
    do_not_optimize(step(states[at] as LifecycleState, 'CLOSE'));
  });
});
