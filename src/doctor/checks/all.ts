/** Every check, in the order of the report. The reference page is made from this table (scripts/docs/doctor.ts). */
import type { Check } from '../check.ts';
import { configurationValidity } from './configuration/validity.ts';
import { hostNodeVersion } from './host/node-version.ts';
import { hostOpenFiles } from './host/open-files.ts';
import { nodesReached } from './nodes/reached.ts';

export const CHECKS: readonly Check[] = [hostNodeVersion, hostOpenFiles, configurationValidity, nodesReached];
