/** The checks of the way that clients take, from the name to the silent connection. */
import type { Check } from '../../check.ts';
import { wayAddress } from './address.ts';
import { wayCertificate } from './certificate.ts';
import { wayClientAddress } from './client-address.ts';
import { wayHandshake } from './handshake.ts';
import { wayIdle } from './idle.ts';
import { wayMessages } from './messages.ts';
import { wayNegotiation } from './negotiation.ts';

export const WAY_CHECKS: readonly Check[] = [
  wayAddress,
  wayCertificate,
  wayHandshake,
  wayNegotiation,
  wayMessages,
  wayClientAddress,
  wayIdle,
];
