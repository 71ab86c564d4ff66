/** How long the logs of topics are in Redis, against what the configuration keeps. */
import { retentionOf, type RetentionRules } from '../../../broker/retention.ts';
import type { Config } from '../../../config/schema.ts';
import type { Check } from '../../check.ts';
import { factsOf, type NodeFacts } from '../../facts.ts';
import { ok, warn } from '../../finding.ts';
import type { Patient } from '../../patient.ts';
import { redisLooks } from '../../redis-look.ts';

type Topics = Pick<Config['topics'], 'history' | 'direct_history' | 'rules'>;

/** Redis cuts streams in nodes of entries: a little more than is kept is no fault. */
const SLACK = 100;

export const redisStreams: Check = {
  name: 'redis.streams',
  looksAt: 'How long and how large the logs of some topics are in Redis, against `topics.history` and its rules.',
  needs: ['redis'],
  run: async (patient) => {
    const topics = await topicsOf(patient);
    const streams = (await redisLooks(patient)).find(({ facts }) => facts.deep)?.facts.deep?.streams ?? null;
    // A node of an earlier version did not look.
    if (topics === null || streams === null) return [];
    const [longest] = streams.longest;
    if (longest === undefined) return [ok('there are no logs of topics')];
    const rules = rulesOf(topics);
    const kept = ({ topic }: typeof longest): number => retentionOf(topic, rules).messages;
    const tooLong = streams.longest.find((log) => log.messages > kept(log) + SLACK);
    if (tooLong !== undefined)
      return [
        warn(
          `the log of ${tooLong.topic} holds ${tooLong.messages} messages (${tooLong.bytes} bytes), and the configuration keeps ${kept(tooLong)}`,
          'nodes with another topics.history write it (nodes.configurations), or it is from before a change: the next message to the topic shortens it',
        ),
      ];
    return [
      ok(
        `of ${streams.looked} logs that were looked at the longest holds ${longest.messages} of ${kept(longest)} messages (${longest.bytes} bytes)`,
      ),
    ];
  },
};

/** Those of the node that answers, because it writes the logs; else those here. */
async function topicsOf(patient: Patient): Promise<Topics | null> {
  const [node] = (await factsOf(patient)).nodes;
  if (node?.configuration === undefined) return patient.configuration?.config?.topics ?? null;
  const { configuration } = node;
  const [history, direct] = [valueOf(configuration, 'topics.history'), valueOf(configuration, 'topics.direct_history')];
  const rules = valueOf(configuration, 'topics.rules') ?? [];
  if (typeof history !== 'number' || typeof direct !== 'number' || !Array.isArray(rules)) return null;
  return { history, direct_history: direct, rules: rules as Topics['rules'] };
}

function valueOf(configuration: NonNullable<NodeFacts['configuration']>, key: string): unknown {
  const shown = configuration[key];
  return shown !== undefined && 'value' in shown ? shown.value : undefined;
}

/** Only how many messages are kept is asked. */
function rulesOf({ history, direct_history: direct, rules }: Topics): RetentionRules {
  const of = (messages: number) => ({ messages, ageMs: 0, bytes: 0 });
  return {
    fallback: of(history),
    direct: of(direct),
    rules: rules.map((rule) => ({ pattern: rule.pattern, ...of(rule.history ?? history) })),
  };
}
