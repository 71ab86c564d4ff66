/** Says at start when nobody may do anything with any topic: a server that starts closed looks broken to its first client. */
import type { Config } from '../config/schema.ts';
import type { Log } from '../telemetry/log.ts';

const RULE = '[[topics.rules]]\npattern = "chat.**"\nsubscribe = ["user"]\npublish = ["user"]';

export function reportClosedTopics({ topics }: Config, log: Log): void {
  const lists = [topics, ...topics.rules].flatMap(({ subscribe, publish }) => [subscribe ?? [], publish ?? []]);
  if (lists.some((roles) => roles.length > 0)) return;
  log.warn('Every topic is refused: no rule of [topics] lets anybody subscribe or publish', {
    add_to_the_configuration: RULE,
    or_in_the_environment: `SIGNALBOX_TOPICS_RULES=[{"pattern":"chat.**","subscribe":["user"],"publish":["user"]}]`,
  });
}
