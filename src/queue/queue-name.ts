/** What a queue may be called: it is the name at the broker too. */

const NAME = /^[a-z][a-z0-9_-]{0,63}$/;

export const QUEUE_NAME_FORM = '[a-z][a-z0-9_-]*, at most 64 characters';

export function isQueueName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}
