/** The reference of what doctor looks at, from its table of checks. */
import { NEEDS } from '../../src/doctor/check.ts';
import { CHECKS } from '../../src/doctor/checks/all.ts';

export function doctorPage(): string {
  return [
    '# Doctor',
    '',
    '<!-- generated from src/doctor/checks/all.ts: change it there and run `make docs` -->',
    '',
    '```bash',
    './signalbox doctor                                      # before a start: this machine and the configuration of `serve`',
    './signalbox doctor --url http://127.0.0.1:8081          # and the nodes that run (ADMIN_TOKEN)',
    './signalbox doctor --url wss://chat.example.com/ws      # and the way that clients take',
    './signalbox doctor --token "$TOKEN" --page https://example.com',
    '```',
    '',
    'Each check says `ok`, `warn` or `fail`, the cause with its figures, and a cure: a command or a key. The exit code is 1 when anything failed.',
    'Nothing that it does changes anything. `--json` prints the findings for a program, `--only redis` or `--only redis.eviction` runs a group or a',
    'check. Checks whose needs are not there are left out, and the last lines say what would bring them. The checks run at once and each has 4.2',
    'seconds, so the whole answers within five; only `--idle` waits longer.',
    '',
    'Tokens and secrets are never shown. `--token` may come several times; `./signalbox token --check` says the same of one, with its claims and all that',
    'it may do. A revoked token, and a secret that was changed on disk after the start of the nodes, are known to the nodes alone: name one of them',
    '(`--url http://…`).',
    '',
    '## The way of clients',
    '',
    'With `--url wss://…` doctor connects as a browser does: each address of the name, TLS, the handshake, and with `--token` up to five connections of that',
    'user, which are closed at once. It publishes nothing: the messages that it sends are `Ping` frames, one of them padded to `max_message_size`. With the',
    'administration of a node beside it (`--url http://…`), it also says which address the node has of it. `--idle 120` holds one silent connection for two',
    'minutes: who ended it, after how long, and whether the pings of the node (`websocket.heartbeat_interval_secs`) come early enough.',
    '',
    '| what is on the way | is named by |',
    '| --- | --- |',
    '| a name that leads nowhere, an address that does not answer, IPv6 alone | `way.address` |',
    '| a certificate that is self-signed, expired, of another name, or without its chain; no TLS | `way.certificate` |',
    '| a proxy that drops `Upgrade`, has no node behind it, changes the path, redirects, asks for a login, serves a page | `way.handshake` |',
    '| a proxy that drops the subprotocol or compression | `way.handshake`, `way.negotiation` |',
    '| something that holds data back, is slow, or takes no long messages | `way.messages` |',
    '| `server.trusted_proxies` that lacks the proxy, or believes clients | `way.client-address` |',
    '| a time-out that is shorter than the heartbeat | `way.idle` |',
    '',
    '## Checks',
    '',
    '| check | looks at | needs |',
    '| --- | --- | --- |',
    ...CHECKS.map(
      ({ name, looksAt, needs }) =>
        `| \`${name}\` | ${looksAt} | ${needs.map((need) => NEEDS[need]).join('; ') || 'nothing'} |`,
    ),
    '',
  ].join('\n');
}
