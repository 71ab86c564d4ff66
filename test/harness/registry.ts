/** A small npm registry on loopback that serves fixture packages: which ones is changed while it runs. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FixturePackage {
  readonly name: string;
  readonly version: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export class RegistryStandIn {
  /** Names that are answered with 404 now. */
  withheld: ReadonlySet<string> = new Set();
  private readonly server: Server;
  private readonly packages: ReadonlyMap<string, { readonly manifest: FixturePackage; readonly tarball: Buffer }>;

  constructor(packages: readonly FixturePackage[]) {
    this.packages = new Map(packages.map((manifest) => [manifest.name, { manifest, tarball: packed(manifest) }]));
    this.server = createServer((request, response) => this.answer(decodeURIComponent(request.url ?? '/'), response));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  private answer(path: string, response: ServerResponse): void {
    const [name = '', rest] = path.slice(1).split('/-/');
    const found = this.withheld.has(name) ? undefined : this.packages.get(name);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
      return;
    }
    if (rest !== undefined) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(found.tarball);
      return;
    }
    const { manifest, tarball } = found;
    const dist = {
      tarball: `${this.url}${name}/-/${name}-${manifest.version}.tgz`,
      integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        name,
        'dist-tags': { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist } },
      }),
    );
  }
}

function packed(manifest: FixturePackage): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-fixture-'));
  try {
    mkdirSync(join(folder, 'package'));
    writeFileSync(join(folder, 'package', 'package.json'), JSON.stringify(manifest));
    execFileSync('tar', ['-czf', 'package.tgz', 'package'], { cwd: folder });
    return readFileSync(join(folder, 'package.tgz'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
