/** Answers of the marketplace: `{success, data, pagination}`; what a refusal names has the names of the guide. */
import type { RouteResponse } from '../../app-route.ts';
import type { Zod } from '../../app.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { MARKETPLACE_NAMES, renamed } from '../field-names.ts';
import { refuseField } from '../messages/ports.ts';

export function success(data: unknown, pagination?: object, status = 200): RouteResponse {
  return { status, body: { success: true, data, ...(pagination !== undefined && { pagination }) } };
}

export function refusedAs(refusal: Refusal): Refusal {
  return renamed(refusal, MARKETPLACE_NAMES);
}

export function badField(ports: FacadePorts, field: string, problem: string): Refusal {
  return refuseField(ports, { field, problem });
}

export function one(z: Zod, data: ReturnType<Zod['looseObject']>) {
  return z.object({ success: z.literal(true), data });
}

export function many(z: Zod, data: ReturnType<Zod['looseObject']>) {
  return z.object({ success: z.literal(true), data: z.array(data), pagination: z.looseObject({}) });
}

export function conversation(z: Zod) {
  return z.looseObject({
    id: z.string(),
    customerId: z.string().nullable(),
    artistId: z.string().nullable(),
    status: z.enum(['active', 'resolved', 'closed']),
    lastMessageAt: z.iso.datetime(),
    unreadCount: z.int(),
  });
}

export function message(z: Zod) {
  return z.looseObject({
    id: z.string(),
    conversationId: z.string(),
    senderId: z.string(),
    messageType: z.string(),
    content: z.string(),
    images: z.array(z.string()),
    sentAt: z.iso.datetime(),
    readAt: z.iso.datetime().nullable(),
  });
}
