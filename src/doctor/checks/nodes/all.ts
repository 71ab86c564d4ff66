/** The nodes of the service, side by side. */
import type { Check } from '../../check.ts';
import { nodesBalance } from './balance.ts';
import { nodesConfigurations } from './configurations.ts';
import { nodesFound } from './found.ts';
import { nodesLogs } from './logs.ts';
import { nodesMetrics } from './metrics.ts';
import { nodesModes } from './modes.ts';
import { nodesOrders } from './orders.ts';
import { nodesPresent } from './present.ts';
import { nodesReached } from './reached.ts';
import { nodesSkew } from './skew.ts';
import { nodesVersions } from './versions.ts';

export const NODES_CHECKS: readonly Check[] = [
  nodesFound,
  nodesReached,
  nodesPresent,
  nodesVersions,
  nodesConfigurations,
  nodesModes,
  nodesOrders,
  nodesSkew,
  nodesBalance,
  nodesLogs,
  nodesMetrics,
];
