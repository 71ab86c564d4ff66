// Runs `npm install` with the arguments given, and ends a failure with one line that says which package and what to do.
// Plain JavaScript without dependencies: it also runs on the system's Node 20, before anything is installed.
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FLAGS = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
const ADVICE = {
  E404: 'the registry does not serve it: ask another registry (npm config get registry), or wait until it does',
  ETARGET:
    'the registry does not serve this version: ask another registry (npm config get registry), or wait until it does',
  EINTEGRITY: 'the registry served other bytes than the lock file names: ask another registry, or run npm cache verify',
  ENOSPC: 'the disk is full: make room',
  EACCES: 'a folder cannot be written: look at who owns node_modules, .toolchain and the npm cache',
  E401: 'the registry wants a login: npm login, or ask another registry (npm config get registry)',
  E403: 'the registry refuses it: ask another registry (npm config get registry)',
};
const UNREACHABLE = 'the registry cannot be reached: look at the network, at proxies, and at npm config get registry';

/** One line: which package could not be had, why, and what to do. Reads what npm printed to standard error. */
export function explain(printed) {
  const code = /npm (?:error|ERR!) code (\S+)/.exec(printed)?.[1] ?? 'unknown';
  const advice =
    ADVICE[code] ??
    (/^E(?:NOTFOUND|CONN|TIMEDOUT|AI_AGAIN|HOSTUNREACH|NETUNREACH)|EAI_AGAIN|ERR_SOCKET|FETCH_ERROR/.test(code)
      ? UNREACHABLE
      : 'read what npm printed above');
  const name =
    /'([^']+@[^']+)' is not in (?:this|the npm) registry/.exec(printed)?.[1] ??
    /No matching version found for (\S+?)\.?(?:\s|$)/.exec(printed)?.[1] ??
    packageOfAddress(/https?:\/\/\S+/.exec(printed)?.[0]);
  return `npm could not install ${name === undefined ? 'the packages' : decodeURIComponent(name)} (${code}): ${advice}; then run make again`;
}

/** `@scope/name@1.2.3` from the address of a tarball, `name` from that of a package. */
function packageOfAddress(address) {
  if (address === undefined) return undefined;
  const tarball = /\/((?:@[^/]+\/)?[^/]+)\/-\/[^/]*?-(\d+\.\d+\.\d+[^/]*)\.tgz/.exec(address);
  return tarball === null ? /\/((?:@[^/]+(?:\/|%2f))?[^/]+)$/i.exec(address)?.[1] : `${tarball[1]}@${tarball[2]}`;
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  const npm = spawn('npm', ['install', ...FLAGS, ...process.argv.slice(2)], { stdio: ['ignore', 'inherit', 'pipe'] });
  let printed = '';
  npm.stderr.on('data', (bytes) => {
    process.stderr.write(bytes);
    printed = (printed + bytes).slice(-65_536);
  });
  npm.on('error', (error) => {
    console.error(`signalbox: npm cannot be run (${error.message}): install npm`);
    process.exitCode = 1;
  });
  npm.on('close', (code) => {
    if (code !== 0) console.error(`signalbox: ${explain(printed)}`);
    process.exitCode = code ?? 1;
  });
}
