import type { ServiceContext } from './context.ts';
import type { TopicOwners } from './topic-owners.ts';

/** From now on these own topics of the node: they decide, see what is published, and keep what is older than the log. */
export function registerOwners(context: ServiceContext, owners: TopicOwners): void {
  context.owners = owners;
  context.authorizer.useOwners(owners);
  context.broker.useHistory((topic) => owners.of(topic)?.history ?? null);
}
