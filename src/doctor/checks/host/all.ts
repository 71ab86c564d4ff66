/** This machine, on which a server is to start. */
import type { Check } from '../../check.ts';
import { hostBinding } from './binding.ts';
import { hostDisk } from './disk.ts';
import { hostAcceptQueue, hostLocalPorts, hostMemory } from './limits.ts';
import { hostNodeVersion } from './node-version.ts';
import { hostOpenFiles } from './open-files.ts';
import { hostPorts } from './ports.ts';

export const HOST_CHECKS: readonly Check[] = [
  hostNodeVersion,
  hostBinding,
  hostPorts,
  hostOpenFiles,
  hostAcceptQueue,
  hostLocalPorts,
  hostMemory,
  hostDisk,
];
