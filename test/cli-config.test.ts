/** Where the configuration comes from and what is said of a wrong one, by `check-config` and `print-config`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { signalbox, type Environment } from './harness/process.ts';
import { SECRET } from './harness/tokens.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-cli-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Printed {
  readonly value: unknown;
  readonly origin: string;
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function printed(args: readonly string[], environment: Environment): Promise<Record<string, Printed>> {
  const { code, out, err } = await signalbox(['print-config', '--json', ...args], environment);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Record<string, Printed>;
}

describe.concurrent('check-config', () => {
  test('lists all problems at once: key, what was expected, what came', async () => {
    const path = file('wrong.toml', '[server]\nport = 99999\nhots = "x"\n[websocket]\nmax_connections = "many"\n');
    const args = ['check-config', '--config', path, '--set', 'metrics.enabled=perhaps', '--set', 'no.such_key=1'];
    const { code, out, err } = await signalbox(args, { JWT_SECRET: SECRET, SIGNALBOX_LOGGING_FORMAT: 'xml' });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('the configuration has 6 problems:\n');
    for (const line of [
      'server.port: expected a whole number (0 to 65535), got 99999',
      'server.hots: expected a known key (did you mean server.host?), got an unknown one',
      'websocket.max_connections: expected a whole number (1 to 1000000000), got "many"',
      'metrics.enabled: expected a true or false in command line, got "perhaps"',
      'no.such_key: expected a configuration key (see print-config), got an unknown one',
      'logging.format: expected a text ("json", "pretty"), got "xml"',
    ])
      expect(err).toContain(`  ${line}\n`);
  });

  test('reads the URL of Redis and the origins as a start would, and starts nothing', async () => {
    const sets = ['redis.url=redis://:hunter2@h:1/abc', 'security.allowed_origins=http://[::0001]:3000'];
    const args = ['check-config', ...sets.flatMap((assignment) => ['--set', assignment])];
    const { code, out, err } = await signalbox(args, { JWT_SECRET: SECRET });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('redis.url: expected a database number at the end, got (another URL)\n');
    expect(err).toContain('expected the host as browsers send it: "http://[::1]:3000", got "http://[::0001]:3000"\n');
    expect(err).not.toContain('hunter2');
  });

  test('lists what does not go together, and never shows a secret', async () => {
    const sets = ['websocket.client_timeout_secs=10', 'topics.history=5', 'actor_system.mailbox_bytes=1024'];
    const proxies = 'server.trusted_proxies=10.0.0.0/8,10.0.0.0/33,proxy.example';
    const args = ['check-config', ...[...sets, proxies].flatMap((assignment) => ['--set', assignment])];
    const short = 'too-short-to-be-one';
    const { code, err } = await signalbox(args, { JWT_SECRET: short, REDIS_URL: 'http://:hunter2@db' });
    expect(code).toBe(2);
    for (const line of [
      'websocket.client_timeout_secs: expected more than heartbeat_interval_secs \\(30\\), .*, got 10',
      'server.trusted_proxies: expected addresses or networks, like 10.0.0.1 or 10.0.0.0/8, got "10.0.0.0/33"',
      'server.trusted_proxies: expected addresses or networks, like 10.0.0.1 or 10.0.0.0/8, got "proxy.example"',
      'auth.jwt_secret: expected at least 32 bytes in production .*, got 19 bytes',
      'redis.url: expected redis.*, got \\(another URL\\)',
      'topics.history: expected 0, or at least actor_system.mailbox_capacity \\(1000\\): .*, got 5',
      'actor_system.mailbox_bytes: expected at least twice websocket.max_message_size \\(131072\\), got 1024',
    ])
      expect(err).toMatch(new RegExp(`^ {2}${line}$`, 'm'));
    expect(err).not.toContain(short);
    expect(err).not.toContain('hunter2');
  });

  test('a file that is no TOML is named with its line, and one that is not there too', async () => {
    const broken = file('broken.toml', '[server]\nport = = 1\n');
    const [syntax, missing] = await Promise.all([
      signalbox(['check-config', '--config', broken], { JWT_SECRET: SECRET }),
      signalbox(['check-config', '--config', join(directory, 'none.toml')], { JWT_SECRET: SECRET }),
    ]);
    expect([syntax.code, missing.code]).toEqual([2, 2]);
    expect(syntax.err).toContain(`${broken}: expected a readable TOML file, got a syntax error in line 2`);
    expect(missing.err).toContain('none.toml: expected a readable TOML file, got ENOENT');
  });

  test('a good one is good', async () => {
    const [production, development] = await Promise.all([
      signalbox(['check-config'], { JWT_SECRET: SECRET }),
      signalbox(['check-config', '--profile', 'development'], { JWT_SECRET: 'short' }),
    ]);
    expect(production).toMatchObject({ code: 0, err: '' });
    expect(production.out).toContain('the configuration is good: profile production');
    expect(development).toMatchObject({ code: 0, err: '' });
    expect(development.out).toContain('profile development');
  });

  test('a misspelt variable is refused with a suggestion', async () => {
    const environment = { JWT_SECRET: SECRET, SIGNALBOX_SERVER_PROT: '1', SIGNALBOX_SERVER_HOST_FILE: '/x' };
    const { code, err } = await signalbox(['check-config'], environment);
    expect(code).toBe(2);
    expect(err).toContain(
      'SIGNALBOX_SERVER_PROT: expected a configuration key (did you mean server.port?), got an unknown environment variable',
    );
    // Only secrets come from files.
    expect(err).toContain('SIGNALBOX_SERVER_HOST_FILE: expected a configuration key');
  });
});

describe.concurrent('print-config', () => {
  test('short names, systematic names and files of secrets, each with its origin', async () => {
    const secret = file('secret', `${SECRET}\n`);
    const config = await printed([], {
      PORT: '1234',
      HOST: '127.0.0.9',
      JWT_SECRET_FILE: secret,
      SIGNALBOX_ADMIN_TOKEN: 'an admin token that nobody may see',
      LOG_LEVEL: 'warn,router=debug',
      LOG_FORMAT: 'pretty',
      MAX_CONNECTIONS: '77',
      SIGNALBOX_WEBSOCKET_MAX_MESSAGE_SIZE: '2_048',
      SIGNALBOX_SECURITY_ALLOWED_ORIGINS: 'https://a.example, https://b.example',
      SIGNALBOX_TOPICS_RULES: '[{"pattern":"chat.**","history":0}]',
      SIGNALBOX_METRICS_ENABLED: 'false',
    });
    expect(config).toMatchObject({
      'server.port': { value: 1_234, origin: 'PORT' },
      'server.host': { value: '127.0.0.9', origin: 'HOST' },
      'auth.jwt_secret': { value: '[redacted]', origin: 'JWT_SECRET_FILE' },
      'admin.token': { value: '[redacted]', origin: 'SIGNALBOX_ADMIN_TOKEN' },
      'logging.level': { value: 'warn,router=debug', origin: 'LOG_LEVEL' },
      'logging.format': { value: 'pretty', origin: 'LOG_FORMAT' },
      'websocket.max_connections': { value: 77, origin: 'MAX_CONNECTIONS' },
      'websocket.max_message_size': { value: 2_048, origin: 'SIGNALBOX_WEBSOCKET_MAX_MESSAGE_SIZE' },
      'security.allowed_origins': { value: ['https://a.example', 'https://b.example'] },
      'topics.rules': { value: [{ pattern: 'chat.**', history: 0 }], origin: 'SIGNALBOX_TOPICS_RULES' },
      'metrics.enabled': { value: false, origin: 'SIGNALBOX_METRICS_ENABLED' },
    });
  });

  test('command line over environment over file over default', async () => {
    const path = file(
      'some.toml',
      '[websocket]\nmax_connections = 1\nmax_connections_per_user = 1\naccepts_per_second = 1\n',
    );
    const args = ['--config', path, '--set', 'websocket.max_connections=3', '--port', '5', '--log-level', 'error'];
    const config = await printed(args, {
      JWT_SECRET: SECRET,
      MAX_CONNECTIONS: '2',
      SIGNALBOX_WEBSOCKET_MAX_CONNECTIONS_PER_USER: '2',
      PORT: '4',
      // The systematic name wins over the short one.
      LOG_FORMAT: 'pretty',
      SIGNALBOX_LOGGING_FORMAT: 'json',
    });
    expect(config).toMatchObject({
      'websocket.max_connections': { value: 3, origin: 'command line' },
      'websocket.max_connections_per_user': { value: 2, origin: 'SIGNALBOX_WEBSOCKET_MAX_CONNECTIONS_PER_USER' },
      'websocket.accepts_per_second': { value: 1, origin: path },
      'websocket.max_subscriptions': { value: 200 },
      'server.port': { value: 5, origin: 'command line' },
      'logging.level': { value: 'error', origin: 'command line' },
      'logging.format': { value: 'json', origin: 'SIGNALBOX_LOGGING_FORMAT' },
    });
  });

  test('--profile beside --config is the key itself, over what the file says', async () => {
    const path = file('own.toml', '[server]\nport = 7000\n');
    const staged = file('staged.toml', 'profile = "production"\n');
    const [own, over, wrong] = await Promise.all([
      printed(['--profile', 'development', '--config', path], { JWT_SECRET: SECRET }),
      printed(['--profile', 'development', '--config', staged], { JWT_SECRET: SECRET }),
      signalbox(['check-config', '--profile', 'develop', '--config', path], { JWT_SECRET: SECRET }),
    ]);
    expect(own).toMatchObject({
      profile: { value: 'development', origin: 'command line' },
      'server.port': { value: 7000 },
    });
    expect(over['profile']).toEqual({ value: 'development', origin: 'command line' });
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining('profile: expected a text ("production", "development"), got "develop"'),
    ]);
  });

  test('as text: sections, values, sources, and no secret', async () => {
    const environment = { JWT_SECRET: SECRET, ADMIN_TOKEN: 'an admin token that nobody may see', PORT: '1234' };
    const { code, out } = await signalbox(['print-config'], environment);
    expect(code).toBe(0);
    expect(out).toMatch(/^profile = "production"/);
    expect(out).toMatch(/^query_token = false {2}# .*production\.toml$/m);
    expect(out).toMatch(/\n\[server\]\nhost = "0\.0\.0\.0".*\nport = 1234 {2}# PORT\n/);
    expect(out).toMatch(/^jwt_secret = "\[redacted\]" {2}# JWT_SECRET$/m);
    expect(out).toMatch(/^token = "\[redacted\]" {2}# ADMIN_TOKEN$/m);
    expect(out).toMatch(/^# issuer is not set$/m);
    expect(out).not.toContain(SECRET);
    expect(out).not.toContain('nobody may see');
  });

  test('keys of applications come with their descriptions', async () => {
    const path = fileURLToPath(new URL('../examples/poll/poll.ts', import.meta.url));
    const { out } = await signalbox(['print-config', '--set', `apps.modules=${path}`], { JWT_SECRET: SECRET });
    expect(out).toContain(
      '\n[apps.poll]\n# roles that may create polls\ncreators = ["user"]\n# options of a poll\nmax_options = 10\n',
    );
  });
});
