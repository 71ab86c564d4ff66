/** What a node says of what its topics are kept in, where that is Redis. */
export type { RedisFacts as BrokerFacts } from '../redis/link-facts.ts';
