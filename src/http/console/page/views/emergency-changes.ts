/** The changes of the view of emergencies, as the table of docs/administration.md has them. */
import type { Change, Values } from '../change-form.ts';
import { TTL } from '../fields.ts';

const NONE: Values = {};

/** A change at one path, whatever the fields say. */
function at(
  method: string,
  path: string,
  title: string,
  about: string,
  fields: Change['fields'],
  more: Partial<Change> = {},
): Change {
  return { method, path: () => path, title, about, fields, fixed: NONE, ...more };
}

export function changesOf(): readonly Change[] {
  return [
    at(
      'POST',
      '/admin/emergency-mode',
      'Mode',
      'Read-only refuses everything that publishes; connections, subscriptions, deliveries and history go on.',
      [{ name: 'mode', label: 'Mode', type: 'choice', choices: ['read_only', 'normal'] }, TTL],
    ),
    {
      title: 'New connections',
      about: 'Those that are open stay.',
      method: 'POST',
      path: ({ admits }) => `/admin/connections/${admits === 'take them' ? 'enable' : 'disable'}-new`,
      fields: [
        { name: 'admits', label: 'New connections', type: 'choice', choices: ['refuse them', 'take them'] },
        TTL,
      ],
      inPath: ['admits'],
    },
    at(
      'PUT',
      '/admin/config/rate-limits',
      'Rate limits',
      'They change in place, for connections that are open too. Fields that are left empty stay as they are.',
      [
        { name: 'connection_rps', label: 'Per connection', type: 'number' },
        { name: 'user_rps', label: 'Per user', type: 'number' },
        { name: 'global_rps', label: 'Per node', type: 'number' },
        TTL,
      ],
    ),
    at('PUT', '/admin/config/log-level', 'Log level', 'As logging.level, also for single rooms.', [
      { name: 'level', label: 'Level', type: 'text', value: 'info,connection=debug', isRequired: true },
      TTL,
    ]),
    {
      title: 'Disconnect a user',
      about:
        'All of the connections of a user end; with a way back they connect again (4107), without they stay away (4009).',
      method: 'POST',
      path: ({ id }) => `/admin/users/${encodeURIComponent(String(id))}/disconnect`,
      fields: [
        { name: 'id', label: 'User', type: 'text', isRequired: true },
        { name: 'tenant', label: 'Tenant', type: 'text' },
        { name: 'reconnect', label: 'They may come back', type: 'tick' },
      ],
      inPath: ['id'],
    },
    at(
      'POST',
      '/admin/tokens/revoke',
      'Revoke tokens',
      'Of one token by its id, of a user, or of everybody by the time of issue. Live connections close at once (4301).',
      [
        { name: 'jti', label: 'Token id (jti)', type: 'text' },
        { name: 'user', label: 'User', type: 'text' },
        { name: 'issued_before', label: 'Issued before (seconds since 1970)', type: 'number' },
        { name: 'ttl_secs', label: 'Remembered for (seconds)', type: 'number' },
      ],
    ),
    at(
      'POST',
      '/admin/rights/changed',
      'Rights have changed',
      'The owners of topics are asked anew; subscriptions that are not allowed any more end.',
      [
        { name: 'user', label: 'User', type: 'text' },
        { name: 'topic', label: 'Topic or pattern', type: 'text' },
      ],
    ),
    {
      title: 'Tell everybody',
      about: 'A SystemNotification to every connection.',
      method: 'POST',
      path: () => '/admin/broadcast',
      fields: [
        { name: 'data.message', label: 'Message', type: 'text', isRequired: true },
        { name: 'data.level', label: 'Level', type: 'choice', choices: ['info', 'warning', 'error', 'critical'] },
      ],
      fixed: { type: 'SystemNotification' },
    },
    {
      ...at('POST', '/admin/drain', 'Drain', 'What SIGTERM does: connections leave, and the process ends.', []),
      // A drain without a name is for the node that is asked, which nobody can see from here.
      namesAll: true,
    },
  ];
}
