/** Every check, in the order of the report. The reference page is made from this table (scripts/docs/doctor.ts). */
import type { Check } from '../check.ts';
import { ACTOR_CHECKS } from './actors/all.ts';
import { APP_CHECKS } from './apps/all.ts';
import { configurationAlerts } from './configuration/alerts.ts';
import { configurationValidity } from './configuration/validity.ts';
import { COST_CHECKS } from './cost/all.ts';
import { DATABASE_CHECKS } from './database/all.ts';
import { DELIVERY_CHECKS } from './deliveries/all.ts';
import { HOST_CHECKS } from './host/all.ts';
import { keysSet } from './keys/set.ts';
import { LIMIT_CHECKS } from './limits/all.ts';
import { LOAD_CHECKS } from './load/all.ts';
import { MANIFEST_CHECKS } from './manifests/all.ts';
import { NODES_CHECKS } from './nodes/all.ts';
import { originsConfigured } from './origins/configured.ts';
import { originsHandshake } from './origins/handshake.ts';
import { QUEUE_CHECKS } from './queues/all.ts';
import { REDIS_CHECKS } from './redis/all.ts';
import { secretsFiles } from './secrets/files.ts';
import { secretsSame } from './secrets/same.ts';
import { secretsStrength } from './secrets/strength.ts';
import { TOKEN_CHECKS } from './tokens/all.ts';
import { WAY_CHECKS } from './way/all.ts';

export const CHECKS: readonly Check[] = [
  ...HOST_CHECKS,
  configurationValidity,
  configurationAlerts,
  ...NODES_CHECKS,
  secretsStrength,
  secretsFiles,
  secretsSame,
  keysSet,
  ...TOKEN_CHECKS,
  originsConfigured,
  originsHandshake,
  ...WAY_CHECKS,
  ...REDIS_CHECKS,
  ...DATABASE_CHECKS,
  ...QUEUE_CHECKS,
  ...LOAD_CHECKS,
  ...DELIVERY_CHECKS,
  ...ACTOR_CHECKS,
  ...LIMIT_CHECKS,
  ...COST_CHECKS,
  ...APP_CHECKS,
  ...MANIFEST_CHECKS,
];
