/** deploy/ and the image: every file is what its program accepts, they agree with one another, and the image's contents run. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DCLinter } from 'dclint';
import { validate, ValidationSeverity } from 'dockerfile-utils';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { readCopy, readDockerfile, readIgnore } from '../scripts/image/dockerfile.ts';
import { KEYS_BY_VARIABLE } from '../src/config/keys.ts';
import { runLauncher, runServer } from './harness/process.ts';
import { SECRET } from './harness/tokens.ts';
import { isMissing, tryTool } from './harness/tools.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** From the end of the drain to the end of the process. */
const SECONDS_TO_STOP = 10;

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function configOf(path: string): Config {
  const files = [join(ROOT, 'config/default.toml'), join(ROOT, path)];
  return loadConfig({ files, environment: { JWT_SECRET: SECRET }, flags: new Map() }).config;
}

interface Service {
  readonly image: string;
  readonly build?: object;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address: string }>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly mem_limit?: string;
  readonly ulimits?: { readonly nofile: number };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<
    Record<string, { readonly ipam?: { readonly config: readonly { readonly subnet: string }[] } }>
  >;
  readonly volumes: object;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose = parse(read('deploy/docker-compose.yml'), { merge: true }) as Compose;
const nodes = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

function networksOf({ networks }: Service): string[] {
  return Array.isArray(networks) ? [...networks] : Object.keys(networks);
}

describe('docker-compose.yml', () => {
  /** What dclint has to say: the Compose specification's own schema, ports without an address, dead references. */
  function lint(file: string): string[] {
    // Order is for readers here, not for the alphabet.
    const rules = {
      'service-keys-order': 0,
      'services-alphabetical-order': 0,
      'top-level-properties-order': 0,
    } as const;
    const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] });
    // Its own types cannot be resolved from an ES module.
    const results = linter.lintFiles([file], false) as readonly { messages: readonly { message: string }[] }[];
    return results.flatMap(({ messages }) => messages.map(({ message }) => message));
  }

  test('is what the Compose specification allows, and a field that it does not know is noticed', () => {
    expect(lint(join(ROOT, 'deploy/docker-compose.yml'))).toEqual([]);
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-compose-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const planted = join(directory, 'docker-compose.yml');
    writeFileSync(planted, read('deploy/docker-compose.yml').replace('    mem_limit: 2g', '    memory_limit: 2g'));
    expect(lint(planted).join()).toContain('additional properties');
  });

  test('W-40: every service has a bound of memory', () => {
    for (const [name, service] of Object.entries(compose.services))
      expect([name, service.mem_limit]).toEqual([name, expect.stringMatching(/^\d+[mg]$/)]);
  });

  test('every file, network, volume, secret and service that is named is there', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        const isThere = source.startsWith('.') ? existsSync(join(ROOT, 'deploy', source)) : source in compose.volumes;
        expect([name, source, isThere]).toEqual([name, source, true]);
      }
      expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining(networksOf(service)));
      expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...(service.secrets ?? [])]));
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const dependency = compose.services[other];
        expect([other, dependency === undefined]).toEqual([other, false]);
        // The image of a node brings its own health check.
        const hasCheck = dependency?.healthcheck !== undefined || dependency?.build !== undefined;
        expect([other, condition, hasCheck]).toEqual([other, 'service_healthy', true]);
      }
    }
  });

  test('nothing that is secret is in it: secrets are files that are not checked in', () => {
    expect(read('.gitignore')).toContain('/deploy/secrets/\n');
    for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//);
  });

  test('runs two nodes, with a configuration that they accept, and time for their drain', () => {
    expect(nodes.map(([name]) => name)).toEqual(['server-1', 'server-2']);
    const config = configOf('deploy/signalbox.toml');
    for (const [, service] of nodes) {
      expect(service.read_only).toBe(true);
      expect(service.ulimits?.nofile).toBeGreaterThan(config.websocket.max_connections);
      expect(Number.parseInt(service.stop_grace_period ?? '', 10)).toBeGreaterThanOrEqual(
        config.shutdown.grace_secs + SECONDS_TO_STOP,
      );
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        const key = variable.replace(/_FILE$/, '');
        expect([variable, variable === 'SIGNALBOX_CONFIG' || KEYS_BY_VARIABLE.has(key)]).toEqual([variable, true]);
        if (variable.endsWith('_FILE')) expect(service.secrets).toContain(value.replace('/run/secrets/', ''));
      }
      expect(service.environment?.['REDIS_URL']).toBe('redis://redis:6379');
      expect(networksOf(service)).toContain('back');
    }
    expect(compose.services['redis']?.command).toEqual(expect.arrayContaining(['--maxmemory-policy', 'noeviction']));
  });

  test('nginx, Prometheus and Grafana look where the nodes are, and the nodes trust nginx', () => {
    const names = nodes.map(([name]) => `${name}:8081`);
    const upstream = [...read('deploy/nginx/nginx.conf').matchAll(/^ +server (server-\S+) /gm)].map(([, name]) => name);
    const backend = [...read('deploy/haproxy/haproxy.cfg').matchAll(/^ +server \S+ (\S+)$/gm)].map(([, name]) => name);
    const scraped = parse(read('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    // Each has one more group, for Socket.IO; nginx one for newcomers besides, HAProxy one for when no node takes any.
    expect(upstream).toEqual([...names, ...names, ...names]);
    expect(backend).toEqual([...names, ...names, ...names]);
    expect(scraped.scrape_configs[0]?.static_configs[0]?.targets).toEqual(names);
    const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: { url: string }[];
    };
    expect(datasources[0]?.url).toBe('http://prometheus:9090');
    const { networks } = compose.services['nginx'] as Service;
    const address = (networks as Readonly<Record<string, { ipv4_address: string }>>)['front']?.ipv4_address ?? '';
    expect(configOf('deploy/signalbox.toml').server.trusted_proxies).toEqual([address]);
    const subnet = compose.networks['front']?.ipam?.config[0]?.subnet ?? '';
    expect(address.split('.').slice(0, 3)).toEqual(subnet.split('.').slice(0, 3));
  });
});

describe('the image', () => {
  const dockerfile = read('Dockerfile');

  test('is built by a Dockerfile that the linter has nothing to say about; it would about a wrong one', () => {
    const settings = {
      instructionCasing: ValidationSeverity.ERROR,
      instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
    };
    expect(validate(dockerfile, settings)).toEqual([]);
    expect(validate(`${dockerfile}\nEXPOES 1\n`, settings)).toHaveLength(1);
    expect(validate(dockerfile.replace('USER 1000:1000', 'user'), settings).length).toBeGreaterThan(0);
  });

  test('stands on Debian trixie with the Node.js of the Makefile, and does not run as root', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    const [, pin] = /^NODE_PIN +:= (\S+)$/m.exec(read('Makefile')) ?? [];
    expect(bases).toEqual([`node:${pin}-trixie-slim`, `node:${pin}-trixie-slim`]);
    expect(dockerfile.lastIndexOf('USER 1000:1000')).toBeGreaterThan(dockerfile.lastIndexOf('COPY'));
    expect(dockerfile).toContain('CMD ["./signalbox", "health"]');
  });

  test('is built by steps that scripts/image-chroot.ts can carry out, which refuses those that it cannot', () => {
    const [dependencies, server] = readDockerfile(dockerfile);
    expect(dependencies?.instructions.map(({ name }) => name)).toEqual(['WORKDIR', 'COPY', 'RUN']);
    expect(server?.instructions.at(-1)).toEqual({ name: 'CMD', text: '["serve"]' });
    for (const { name, text } of [dependencies, server].flatMap((stage) => stage?.instructions ?? []))
      if (name === 'COPY') expect(readCopy(text).sources.length).toBeGreaterThan(0);
    expect(() => readDockerfile(`${dockerfile}\nADD a b\n`)).toThrow('got: ADD a b');
    expect(() => readCopy('--chown=1:1 a b')).toThrow('--from');
    const isSent = readIgnore(read('.dockerignore'));
    const paths = ['src/main.ts', 'src/main.test.ts', 'docs/http.md', 'package.json', 'config/default.toml'];
    expect(paths.map(isSent)).toEqual([true, false, false, true, true]);
  });

  test('has in it what a node needs: it starts, is healthy by the health check, stops, and writes nothing', async () => {
    const directory = imageContents();
    const before = everythingIn(directory);
    const launcher = join(directory, 'signalbox');
    writeFileSync(join(directory, '../jwt-secret'), SECRET);
    const environment = {
      JWT_SECRET_FILE: join(directory, '../jwt-secret'),
      SIGNALBOX_CONFIG: join(ROOT, 'deploy/signalbox.toml'),
    };
    const server = await runServer(launcher, environment);
    const health = await runLauncher(launcher, ['health', '--url', `http://127.0.0.1:${server.port}`], directory);
    expect(health).toMatchObject({ code: 0, err: '' });
    expect(await server.end()).toBe(0);
    expect(everythingIn(directory)).toEqual(before);
  });
});

/** A directory with what .dockerignore lets through and the Dockerfile copies, and with no package but those of production. */
function imageContents(): string {
  const parent = mkdtempSync(join(tmpdir(), 'signalbox-image-'));
  onTestFinished(() => rmSync(parent, { recursive: true }));
  const directory = join(parent, 'opt');
  mkdirSync(join(directory, 'node_modules'), { recursive: true });
  const isSent = readIgnore(read('.dockerignore'));
  for (const name of ['package.json', 'signalbox', 'config', 'src']) {
    expect([name, isSent(name)]).toEqual([name, true]);
    cpSync(join(ROOT, name), join(directory, name), {
      recursive: true,
      filter: (source) => isSent(relative(ROOT, source)),
    });
  }
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };
  for (const [path, { dev = false }] of Object.entries(packages)) {
    const isTop = /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path);
    if (!isTop || dev || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(directory, path));
  }
  writeFileSync(join(directory, 'node_modules/.node-path'), process.execPath);
  return directory;
}

function everythingIn(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort();
}

describe('the systemd unit', () => {
  const unit = read('deploy/systemd/signalbox.service');

  test('gives a node the time that its drain takes, and a descriptor for every connection', () => {
    const { shutdown, websocket } = configOf('config/production.toml');
    const number = (name: string): number => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(unit)?.[1]);
    expect(number('TimeoutStopSec')).toBeGreaterThanOrEqual(shutdown.grace_secs + SECONDS_TO_STOP);
    expect(number('LimitNOFILE')).toBeGreaterThan(websocket.max_connections);
  });

  test.skipIf(isMissing('systemd-analyze'))(
    'is one that systemd accepts without a word, and it is well hardened',
    () => {
      const directory = mkdtempSync(join(tmpdir(), 'signalbox-unit-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const file = join(directory, 'signalbox.service');
      // The program where it is in this clone, or systemd would rightly say that it is not there.
      const here = unit.replaceAll('/opt/signalbox', ROOT.replace(/\/$/, ''));
      writeFileSync(file, here);
      const verify = (): string => tryTool('systemd-analyze', ['verify', '--man=no', file]).text;
      expect(
        verify()
          .split('\n')
          .filter((line) => line.includes('signalbox.service')),
      ).toEqual([]);
      const { text } = tryTool('systemd-analyze', ['security', '--offline=true', '--no-pager', file]);
      expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1])).toBeLessThan(2);
      writeFileSync(file, here.replace('KillMode=mixed', 'KillMoode=mixed'));
      expect(verify()).toContain('KillMoode');
    },
  );
});

describe('the kernel settings', () => {
  const settings = read('deploy/sysctl/90-signalbox.conf')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  test('are ones that Linux has', () => {
    for (const line of settings) {
      const [, optional, key = ''] = /^(-?)([a-z0-9_.]+) = \S/.exec(line) ?? [];
      const isThere = optional === '-' || existsSync(`/proc/sys/${key.replaceAll('.', '/')}`);
      expect([line, key !== '' && isThere]).toEqual([line, true]);
    }
    expect(settings).toContain('net.ipv4.tcp_migrate_req = 1');
  });
});
