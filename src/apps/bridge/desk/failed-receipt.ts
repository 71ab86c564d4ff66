/** Genesys is told when a message of an agent will not come to the phone, so that the agent sees it. */
import { findRow, firstPartOf } from '../mapping/message-rows.ts';
import type { Ports } from '../ports.ts';
import type { MessageRow } from '../tables.ts';
import type { DeskMessage } from '../transforms/message.ts';
import { genesysReceipt } from '../transforms/to-genesys.ts';
import { hasDesk, putToDesk } from './desk-queue.ts';

/** Nothing for a message that is still tried. */
export async function tellFailed(
  ports: Ports,
  { tenant, id }: MessageRow,
  { to }: DeskMessage,
  phoneNumberId: string,
): Promise<void> {
  const row = await findRow(ports, { tenant, id });
  if (row?.status !== 'failed') return;
  const deskId = (await firstPartOf(ports, row))?.desk_id ?? null;
  if (deskId === null || !(await hasDesk(ports, tenant))) return;
  const at = ports.host.clock.now();
  const receipt = { wamid: '', to, status: 'failed' as const, at, reason: row.reason ?? 'it was refused' };
  await putToDesk(ports, {
    tenant,
    message: id,
    isMessage: false,
    phoneNumberId,
    customer: to,
    requests: [genesysReceipt(deskId, receipt)],
  });
}
