/** What one user, tenant or sender may have of the topics that all share. */
import type { BrokerShares } from '../../broker/topic-bounds.ts';
import type { Config } from '../../config/schema.ts';

export function sharesOf({ topics }: Config): BrokerShares {
  return {
    perTenant: topics.max_topics_per_tenant,
    perUser: topics.max_topics_per_user,
    inboxes: topics.max_inboxes,
    directPerSender: topics.direct_per_sender,
  };
}
