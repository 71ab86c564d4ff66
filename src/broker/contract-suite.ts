/**
 * The contract that every broker has to pass, whatever it stores its logs in. It knows the Broker port and nothing else:
 * answers may come late and in any order, notices too, and time passes in the way that the factory provides.
 */
import { afterEach, describe } from 'vitest';
import type { Broker } from './broker.ts';
import { idempotencyContract } from './contract-suite-idempotency.ts';
import { interestContract } from './contract-suite-interest.ts';
import { ownerContract } from './contract-suite-owner.ts';
import { Probe, type Open } from './contract-suite-probe.ts';
import { publishContract } from './contract-suite-publish.ts';
import { readContract } from './contract-suite-read.ts';
import { retentionContract } from './contract-suite-retention.ts';
import type { RetentionRules } from './retention.ts';
import { sharesContract } from './contract-suite-shares.ts';
import type { TopicLimits } from './topic-bounds.ts';

/** What a test wants of the broker; the factory translates it into the options of its implementation. */
export interface BrokerSettings {
  readonly retention: RetentionRules;
  readonly idempotencyWindowMs: number;
  readonly limits: TopicLimits;
}

export interface BrokerUnderTest {
  /** Not started, and without any topic that a test could know. */
  readonly broker: Broker;
  /** How many more messages than asked for a log may hold: a store that trims in strides has to say so. */
  readonly slack: number;
  /** The wall clock, for the times of owners. */
  now(): number;
  /** Lets so much time pass for the broker: by turning its clock, or by waiting. */
  pass(ms: number): Promise<void>;
  /** Sets the clock that timestamps come from back, or does what comes to the same. */
  stepBack(ms: number): Promise<void>;
  /** Called after `stop`: gives back whatever the factory took. */
  dispose(): Promise<void>;
}

export type MakeBroker = (settings: BrokerSettings) => Promise<BrokerUnderTest>;

const HOUR = 3_600_000;
const GENEROUS = { messages: 1_000, ageMs: HOUR, bytes: 10_000_000 };
/** Topics below `typing.` are ephemeral unless a test asks for something else. */
const EPHEMERAL = { pattern: 'typing.**', messages: 0, ageMs: HOUR, bytes: 10_000 };
const DEFAULTS: BrokerSettings = {
  retention: { rules: [EPHEMERAL], fallback: GENEROUS, direct: GENEROUS },
  idempotencyWindowMs: 300_000,
  limits: { maxTopics: 1_000, perTenant: 1_000, perUser: 1_000, inboxes: 1_000, directPerSender: 50 },
};

export function brokerContract(name: string, makeBroker: MakeBroker): void {
  describe(`the contract of brokers: ${name}`, () => {
    const probes: Probe[] = [];
    const open: Open = async (settings = {}) => {
      const probe = new Probe(await makeBroker({ ...DEFAULTS, ...settings }));
      probes.push(probe);
      await probe.start();
      return probe;
    };
    afterEach(async () => {
      for (const probe of probes.splice(0)) await probe.close();
    });

    publishContract(open);
    interestContract(open);
    readContract(open);
    retentionContract(open);
    idempotencyContract(open);
    ownerContract(open);
    sharesContract(open);
  });
}
