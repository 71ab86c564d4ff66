import { fileURLToPath } from 'node:url';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { KEYS } from './keys.ts';
import { ConfigError } from './config-error.ts';
import { loadConfig, type Loaded } from './load.ts';
import type { Problem } from './problem.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SECRET = 'a secret that is long enough for production';

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

interface Given {
  readonly files?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, string>>;
}

function load({ files = [], environment = {}, flags = {} }: Given): Loaded {
  return loadConfig({
    files,
    environment: { JWT_SECRET: SECRET, ...environment },
    flags: new Map(Object.entries(flags)),
  });
}

function problems(given: Given): readonly Problem[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('where values come from', () => {
  test('flags go over environment, environment over later files, later files over earlier, files over defaults', () => {
    const files = [
      file('a.toml', '[server]\nport = 1\nhost = "1.1.1.1"\n[websocket]\nmax_connections = 5\n'),
      file('b.toml', '[server]\nport = 2\nhost = "2.2.2.2"\n'),
    ];
    const { config, origins } = load({
      files,
      environment: { SIGNALBOX_SERVER_PORT: '3', MAX_CONNECTIONS: '7' },
      flags: { 'server.port': '4' },
    });
    expect(config.server.port).toBe(4);
    expect(config.server.host).toBe('2.2.2.2');
    expect(config.websocket.max_connections).toBe(7);
    expect(config.websocket.heartbeat_interval_secs).toBe(30);
    expect(origins.get('server.port')).toBe('command line');
    expect(origins.get('server.host')).toBe(files[1]);
    expect(origins.get('websocket.max_connections')).toBe('MAX_CONNECTIONS');
    expect(origins.has('websocket.heartbeat_interval_secs')).toBe(false);
  });

  test('the systematic name of a variable goes over the short one', () => {
    expect(load({ environment: { PORT: '1', SIGNALBOX_SERVER_PORT: '2' } }).config.server.port).toBe(2);
  });

  test('every key has a variable', () => {
    for (const { path, variables } of KEYS)
      expect(variables[0]).toBe(`SIGNALBOX_${path.replace('.', '_').toUpperCase()}`);
  });

  test('values of every kind are read from the environment', () => {
    const { config } = load({
      environment: {
        SIGNALBOX_RATE_LIMITING_ENABLED: 'false',
        SIGNALBOX_ACTOR_SYSTEM_MAILBOX_BYTES: '2_097_152',
        SIGNALBOX_ACTOR_SYSTEM_FLUSH_SLICE_MS: '2.5',
        SIGNALBOX_SECURITY_ALLOWED_ORIGINS: 'https://a.example, https://*.b.example',
        SIGNALBOX_TOPICS_RULES: '[{"pattern":"typing.**","history":0}]',
      },
    });
    expect(config.rate_limiting.enabled).toBe(false);
    expect(config.actor_system.mailbox_bytes).toBe(2_097_152);
    expect(config.actor_system.flush_slice_ms).toBe(2.5);
    expect(config.security.allowed_origins).toEqual(['https://a.example', 'https://*.b.example']);
    expect(config.topics.rules).toEqual([{ pattern: 'typing.**', history: 0 }]);
  });

  test('a secret can come from a file; its last newline is not part of it', () => {
    const path = file('secret', `${SECRET} from a file\n`);
    expect(
      loadConfig({ files: [], environment: { JWT_SECRET_FILE: path }, flags: new Map() }).config.auth.jwt_secret,
    ).toBe(`${SECRET} from a file`);
  });

  test('the result cannot be changed', () => {
    expect(Object.isFrozen(load({}).config.websocket)).toBe(true);
  });
});

describe('what is wrong', () => {
  test('all problems are listed at once, with key, what was expected and what came', () => {
    const path = file('bad.toml', '[websocket]\nmax_connectons = 5\nmax_message_size = "big"\n[shop]\nopen = true\n');
    const found = problems({
      files: [path],
      environment: { PORT: 'http', SIGNALBOX_WEBSOCKET_COMPRESSION: 'perhaps' },
    });
    expect(found).toEqual(
      expect.arrayContaining([
        {
          key: 'websocket.max_connectons',
          expected: 'a known key (did you mean websocket.max_connections?)',
          got: 'an unknown one',
        },
        { key: 'websocket.max_message_size', expected: 'a whole number (1024 to 16777216)', got: '"big"' },
        { key: 'shop', expected: 'a known key', got: 'an unknown one' },
        { key: 'server.port', expected: 'a whole number in PORT', got: '"http"' },
        {
          key: 'websocket.compression',
          expected: 'a true or false in SIGNALBOX_WEBSOCKET_COMPRESSION',
          got: '"perhaps"',
        },
      ]),
    );
    expect(found).toHaveLength(5);
  });

  test('an unknown variable with our prefix is a problem, unless Kubernetes sets it', () => {
    expect(problems({ environment: { SIGNALBOX_SERVER_PROT: '1' } })).toEqual([
      {
        key: 'SIGNALBOX_SERVER_PROT',
        expected: 'a configuration key (did you mean server.port?)',
        got: 'an unknown environment variable',
      },
    ]);
    expect(
      problems({
        environment: {
          SIGNALBOX_SERVICE_HOST: '10.0.0.1',
          SIGNALBOX_PORT_8081_TCP: 'tcp://10.0.0.1:8081',
          SIGNALBOX_PORT: 'tcp://10.0.0.1',
        },
      }),
    ).toEqual([]);
  });

  test('the links of any Service are ignored, by name and value, also when one has the name of a key', () => {
    const links = {
      SIGNALBOX_SERVICE_PORT: '8081',
      SIGNALBOX_SERVICE_PORT_WS: '8081',
      SIGNALBOX_PORT_8081_TCP_ADDR: 'fd00::1',
      SIGNALBOX_REDIS_SERVICE_HOST: '10.0.0.2',
      SIGNALBOX_REDIS_SERVICE_PORT_SENTINEL: '26379',
      SIGNALBOX_REDIS_PORT: 'tcp://10.0.0.2:6379',
      SIGNALBOX_REDIS_PORT_6379_TCP: 'tcp://[fd00::2]:6379',
      SIGNALBOX_REDIS_PORT_6379_TCP_PROTO: 'tcp',
      SIGNALBOX_REDIS_PORT_6379_TCP_PORT: '6379',
      SIGNALBOX_REDIS_PORT_6379_TCP_ADDR: '10.0.0.2',
      SIGNALBOX_SERVER_PORT: 'tcp://10.0.0.3:8081',
    };
    expect(problems({ environment: links })).toEqual([]);
    const wrong = {
      SIGNALBOX_REDIS_PORT: '6379',
      SIGNALBOX_REDIS_SERVICE_HOST: 'redis.example',
      SIGNALBOX_REDIS_PORT_TCP: 'tcp://10.0.0.2:6379',
      SIGNALBOX_SERVER_PORT: 'tcp://example',
    };
    expect(
      problems({ environment: wrong })
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual(['SIGNALBOX_REDIS_PORT', 'SIGNALBOX_REDIS_PORT_TCP', 'SIGNALBOX_REDIS_SERVICE_HOST', 'server.port']);
  });

  test('production needs a secret of 32 bytes, and says how long the given one is, not what it is', () => {
    expect(problems({ environment: { JWT_SECRET: 'short' } })).toEqual([
      { key: 'auth.jwt_secret', expected: 'at least 32 bytes in production (RFC 7518 section 3.2)', got: '5 bytes' },
    ]);
    expect(problems({ environment: { JWT_SECRET: 'short' }, flags: { profile: 'development' } })).toEqual([]);
  });

  test('only topics without a log are conflated', () => {
    const rules = (text: string): string[] =>
      problems({ environment: { SIGNALBOX_TOPICS_RULES: text } }).map(({ key }) => key);
    expect(rules('[{"pattern":"a.**","conflate":"id"}]')).toEqual(['topics.rules.0.conflate']);
    expect(rules('[{"pattern":"a.**","history":0,"conflate":"id"}]')).toEqual([]);
    expect(rules('[{"pattern":"a.**","history":0,"conflate":""}]')).toEqual(['topics.rules.0.conflate']);
  });

  test('a log shorter than the mailbox is refused, an ephemeral topic is not', () => {
    expect(problems({ flags: { 'topics.history': '999' } }).map(({ key }) => key)).toEqual(['topics.history']);
    expect(problems({ flags: { 'topics.history': '0' } })).toEqual([]);
    const rules = '[{"pattern":"a.**","history":10},{"pattern":"*.b"}]';
    expect(problems({ environment: { SIGNALBOX_TOPICS_RULES: rules } }).map(({ key }) => key)).toEqual([
      'topics.rules.0.history',
      'topics.rules.1.pattern',
    ]);
  });

  test('times that cut off idle clients are refused', () => {
    expect(problems({ flags: { 'websocket.client_timeout_secs': '30' } }).map(({ key }) => key)).toEqual([
      'websocket.client_timeout_secs',
    ]);
  });

  test('levels and names are refused in words', () => {
    expect(problems({ environment: { LOG_LEVEL: 'info,connection=loud' } })).toEqual([
      {
        key: 'logging.level',
        expected: 'levels (trace, debug, info, warn, error), also per room: info,connection=debug',
        got: '"info,connection=loud"',
      },
    ]);
    expect(problems({ flags: { 'server.node_name': 'a b' } })[0]?.expected).toBe('1 to 64 characters [A-Za-z0-9_.-]');
  });

  test.each(['ftp://idp.example/keys', 'file:///etc/keys.json', 'data:,x', 'https:keys'])(
    '%s is nothing that can be fetched',
    (url) => {
      const flags = { 'auth.jwks_url': url, 'auth.algorithms': 'RS256', 'admin.alert_webhook': url };
      const keys = problems({ flags }).map(({ key }) => key);
      expect(keys).toContain('auth.jwks_url');
      expect(keys).toContain('admin.alert_webhook');
    },
  );

  test('the URL of Redis is not shown, and WAIT is not for clusters', () => {
    expect(problems({ environment: { REDIS_URL: 'redis://:password@localhost' } })).toEqual([]);
    expect(problems({ environment: { REDIS_URL: 'http://:password@localhost' } })).toEqual([
      {
        key: 'redis.url',
        expected: expect.stringMatching(/^redis\[s\]:\/\//) as string,
        got: '(another URL)',
      },
    ]);
    const environment = { REDIS_URL: 'redis+cluster://a:1,b:2' };
    expect(problems({ environment, flags: { 'redis.wait_replicas': '1' } })).toMatchObject([
      { key: 'redis.wait_replicas' },
    ]);
    const flags = { 'redis.wait_replicas': '1', 'redis.wait_timeout_ms': '1000' };
    expect(problems({ environment: { REDIS_URL: 'redis://a' }, flags })).toMatchObject([
      { key: 'redis.wait_timeout_ms' },
    ]);
  });

  test('a file that is not there, or not TOML, is named', () => {
    expect(problems({ files: [join(directory, 'nowhere.toml')] })).toEqual([
      { key: join(directory, 'nowhere.toml'), expected: 'a readable TOML file', got: 'ENOENT' },
    ]);
    expect(problems({ files: [file('broken.toml', 'a = = 1')] })[0]?.got).toBe('a syntax error in line 1');
  });

  test('an unknown flag key is a problem', () => {
    expect(problems({ flags: { 'server.prot': '1' } })).toEqual([
      { key: 'server.prot', expected: 'a configuration key (see print-config)', got: 'an unknown one' },
    ]);
  });
});

test('the files in config/ are good', () => {
  const config = (name: string): string => fileURLToPath(new URL(`../../config/${name}.toml`, import.meta.url));
  for (const name of ['development', 'production']) {
    const { config: loaded } = load({ files: [config('default'), config(name)] });
    expect(loaded.profile).toBe(name);
  }
  expect(load({ files: [config('default')] }).config).toEqual(load({}).config);
});
