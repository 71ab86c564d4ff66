/** A refusal as an HTTP answer; docs/protocol.md, "Endpoint". */
import { ERRORS, type Refusal } from '../protocol/errors.ts';
import type { HttpResponse } from './route.ts';

export function refusalResponse({ reason, message, retryAfterMs, details }: Refusal): HttpResponse {
  const { code } = ERRORS[reason];
  return {
    status: code,
    headers: {
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
      ...(code === 426 ? { 'sec-websocket-version': '13', upgrade: 'websocket' } : {}),
      ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: { error: { code, reason, message, ...(details !== undefined && { details }) } },
  };
}
