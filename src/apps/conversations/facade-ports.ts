/** What façades are given: the ports of all operations. */
import type { MessagePorts } from './messages/ports.ts';
import type { PositionPorts } from './positions/ports.ts';

export type FacadePorts = MessagePorts & PositionPorts;
