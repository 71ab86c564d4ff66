/** The logs of presence in a broker of this process, which answers at once. */
import type { Broker, History, Published } from '../broker/broker.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { presenceTopic } from '../protocol/topic.ts';
import type { PresenceLogs } from './memory.ts';

export function presenceLogs(broker: Broker): PresenceLogs {
  const late = refusal('outcome_unknown', 'expected the log to answer at once');
  return {
    append(topic, payload) {
      let answer: Published | Refusal = late;
      const draft = { payload, from: '', clientId: undefined, trace: undefined, idempotencyKey: undefined };
      broker.publish(presenceTopic(topic), draft, (published) => (answer = published));
      return isRefusal(answer) ? answer : ((answer as Published).position ?? late);
    },
    position(topic) {
      let answer: History | Refusal = late;
      const request = { after: 'earliest', limit: 0, maxBytes: 0 } as const;
      broker.read(presenceTopic(topic), request, (history) => (answer = history));
      if (isRefusal(answer)) return { epoch: '', sequence: 0 };
      const { epoch, top } = answer as History;
      return { epoch, sequence: top };
    },
  };
}
