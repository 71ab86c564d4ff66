import { bench, do_not_optimize, group } from 'mitata';
import { Mailbox } from '../../src/actor/mailbox.ts';
import { step, type LifecycleState } from '../../src/connection/lifecycle.ts';

group('mailbox', () => {
  const empty = new Mailbox<number>({ capacity: 1_000, bytes: 1e9, strategy: 'refuse' });
  bench('offer and take', () => {
    empty.offer(1, 100);
    do_not_optimize(empty.take());
  });
  const full = new Mailbox<number>({ capacity: 1_000, bytes: 1e9, strategy: 'drop_oldest' });
  for (let at = 0; at < 1_000; at += 1) full.offer(at, 100);
  bench('offer to a full one, the oldest gives way', () => do_not_optimize(full.offer(1, 100)));
});

group('transition table', () => {
  const states: LifecycleState[] = ['open', 'draining'];
  let at = 0;
  bench('step', () => {
    at ^= 1;
    do_not_optimize(step(states[at] as LifecycleState, 'CLOSE'));
  });
});
