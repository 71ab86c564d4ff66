/** The applications of this repository, by name: each is imported, and runs, when its section is there. */
import type { BuiltIn } from '../apps/find.ts';

export const BUILT_IN: BuiltIn = {
  accounts: () => import('../apps/accounts/app.ts'),
  assistant: () => import('../apps/assistant/app.ts'),
  bridge: () => import('../apps/bridge/app.ts'),
  conversations: () => import('../apps/conversations/app.ts'),
  media: () => import('../apps/media/app.ts'),
  tenants: () => import('../apps/tenants/app.ts'),
  webhooks: () => import('../apps/webhooks/app.ts'),
};
