/** The applications of this repository, by name: each is imported, and runs, when its section is there. */
import type { BuiltIn } from '../apps/find.ts';

export const BUILT_IN: BuiltIn = {
  media: () => import('../apps/media/app.ts'),
  conversations: () => import('../apps/conversations/app.ts'),
  accounts: () => import('../apps/accounts/app.ts'),
  conversations: () => import('../apps/conversations/app.ts'),
  webhooks: () => import('../apps/webhooks/app.ts'),
};
