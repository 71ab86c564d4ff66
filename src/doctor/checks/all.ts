/** Every check, in the order of the report. The reference page is made from this table (scripts/docs/doctor.ts). */
import type { Check } from '../check.ts';
import { configurationValidity } from './configuration/validity.ts';
import { hostNodeVersion } from './host/node-version.ts';
import { hostOpenFiles } from './host/open-files.ts';
import { nodesConfigurations } from './nodes/configurations.ts';
import { nodesReached } from './nodes/reached.ts';
import { secretsFiles } from './secrets/files.ts';
import { secretsSame } from './secrets/same.ts';
import { secretsStrength } from './secrets/strength.ts';
import { TOKEN_CHECKS } from './tokens/all.ts';
import { nodesVersions } from './nodes/versions.ts';
import { redisCondition } from './redis/condition.ts';

export const CHECKS: readonly Check[] = [
  hostNodeVersion,
  hostOpenFiles,
  configurationValidity,
  nodesReached,
  secretsStrength,
  secretsFiles,
  secretsSame,
  ...TOKEN_CHECKS,
  nodesVersions,
  nodesConfigurations,
  redisCondition,
];
