/** Every HTTP endpoint of the core, described. A test holds the list against the Routes that are registered. */
import type { Endpoint } from './endpoint.ts';
import { ADMIN_ENDPOINTS } from './admin-endpoints.ts';
import { NODE_ENDPOINTS } from './node-endpoints.ts';
import { PUBLISH_ENDPOINTS } from './publish-endpoints.ts';
import { QUEUE_ENDPOINTS } from './queue-endpoints.ts';
import { STREAM_ENDPOINTS } from './stream-endpoints.ts';
import { USER_ENDPOINTS } from './user-endpoints.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  ...NODE_ENDPOINTS,
  ...STREAM_ENDPOINTS,
  ...PUBLISH_ENDPOINTS,
  ...USER_ENDPOINTS,
  ...ADMIN_ENDPOINTS,
  ...QUEUE_ENDPOINTS,
];
