/** The part of a node's facts that is about Redis. */
export type { RedisFacts as BrokerFacts } from '../redis/link-facts.ts';
