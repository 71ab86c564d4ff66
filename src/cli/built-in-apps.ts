/** The applications of this repository, by name: each is imported, and runs, when its section is there. */
import type { App } from '../apps/app.ts';
import type { BuiltIn } from '../apps/find.ts';

export const BUILT_IN: BuiltIn = {
  webhooks: async () => ({ app: (await import('../apps/webhooks/app.ts')).app as App }),
};
