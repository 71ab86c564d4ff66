/** `doctor --url ws(s)://`: real proxies set up wrongly, bad certificates, and what else stands where nodes should. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect as connectTo, type AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { originsHandshake } from '../src/doctor/checks/origins/handshake.ts';
import { WAY_CHECKS } from '../src/doctor/checks/way/all.ts';
import { ADMIN_TOKEN } from './harness/admin.ts';
import { certificateFor } from './harness/certificates.ts';
import { faults, findings, type Examined } from './harness/doctor.ts';
import { signalbox } from './harness/process.ts';
import { startProxy, type ProxyName, type ProxyOptions } from './harness/proxy.ts';
import { startRelay } from './harness/relay.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { named } from './harness/symptoms.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';
import { isMissing } from './harness/tools.ts';

const FORWARDED = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';
const AS_OTHER = ['proxy_set_header Host $host;', 'proxy_set_header Host $host; proxy_bind 127.0.0.9;'] as const;
const TO_NODES = 'location = /ws {';

interface Setup {
  readonly node: TestServer;
  readonly url: string;
}

async function behind(
  name: ProxyName,
  changes: ProxyOptions['changes'] = [],
  settings: Readonly<Record<string, string>> = {},
  silenceSecs = 60,
): Promise<Setup> {
  const node = await startServer({ 'admin.token': ADMIN_TOKEN, ...settings });
  const proxy = await startProxy(name, { nodes: [node.port, node.port], silenceSecs, changes });
  return { node, url: `ws://127.0.0.1:${proxy.port}/ws` };
}

/** Faults by the check that found them, without its prefix. */
async function found(url: string, given: Examined = {}): Promise<readonly string[]> {
  return faults(WAY_CHECKS, { tokens: [await tokenOf('alice')], urls: [url], ...given });
}

async function something(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  // Without a listener for upgrades, a handshake is a request like others.
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
}

describe.skipIf(isMissing('nginx'))('nginx', () => {
  test('A-46, of the port: as it is delivered nothing is wrong, with TLS in front and compression', async () => {
    const { node, url } = await behind('nginx', [AS_OTHER], {
      'server.trusted_proxies': '127.0.0.9',
      'websocket.compression': 'true',
    });
    const given = {
      tokens: [await tokenOf('alice')],
      urls: [url],
      node: node.url,
      settings: { 'websocket.compression': 'true' },
    };
    const all = await findings(WAY_CHECKS, given);
    expect(all.map(({ level, check }) => `${level} ${check}`)).toEqual(
      ['address', 'certificate', 'handshake', 'negotiation', 'messages', 'client-address'].map(
        (check) => `ok way.${check}`,
      ),
    );
    expect(all[3]?.says).toContain('permessage-deflate');
    expect(all[4]?.says).toContain('up to 65536 bytes');
    expect(all[5]?.says).toContain('believes none that a client made up');
  });

  test('without the headers of an upgrade', async () => {
    const { url } = await behind('nginx', [['proxy_set_header Upgrade $http_upgrade;', '']]);
    expect(await found(url)).toEqual([
      expect.stringMatching(
        /^fail way\.handshake a proxy drops the headers Upgrade and Connection: .* → nginx: .*proxy_set_header Upgrade/,
      ),
    ]);
    await named('proxy-without-upgrade', { values: { WS_URL: url } });
  });

  test('that sends /ws to the root of the nodes, and that sends it nowhere', async () => {
    const wrong = await behind('nginx', [
      [TO_NODES, 'location = /ws { proxy_pass http://signalbox/; } location = /as-it-should-be {'],
    ]);
    expect((await found(wrong.url))[0]).toMatch(
      /a Signalbox answers 404 at \/ws: .*a proxy changes the path → .*location \/ws/,
    );
    const nowhere = await behind('nginx', [[TO_NODES, 'location = /ws { return 404; } location = /as-it-should-be {']]);
    expect((await found(nowhere.url))[0]).toMatch(/"nginx" answers 404: the path \/ws leads to no node/);
  });

  test('that drops the subprotocol, in which the token of a browser is', async () => {
    const { url } = await behind('nginx', [
      ['proxy_set_header Host $host;', 'proxy_set_header Host $host; proxy_set_header Sec-WebSocket-Protocol "";'],
    ]);
    expect((await found(url))[0]).toContain('the token is lost on the way: a proxy drops Sec-WebSocket-Protocol');
  });

  test('that hides the subprotocol of the answer, and the extension of compression', async () => {
    const { url } = await behind(
      'nginx',
      [
        [
          'proxy_set_header Host $host;',
          'proxy_set_header Host $host; proxy_hide_header Sec-WebSocket-Protocol; proxy_set_header Sec-WebSocket-Extensions "";',
        ],
      ],
      { 'websocket.compression': 'true' },
    );
    expect(await found(url, { settings: { 'websocket.compression': 'true' } })).toEqual([
      expect.stringContaining('the answer names no subprotocol') as string,
      expect.stringContaining('the way drops its extension') as string,
    ]);
  });

  test('whose nodes are gone', async () => {
    const { node, url } = await behind('nginx');
    await node.stop();
    const { line } = await named('proxy-without-nodes', { values: { WS_URL: url } });
    expect(line).toContain('"nginx" answers 502');
  });

  test('that the node does not trust: it sees the address of the proxy', async () => {
    const { node, url } = await behind('nginx', [AS_OTHER]);
    const given = { tokens: [await tokenOf('alice')], urls: [url], node: node.url };
    expect(await faults(WAY_CHECKS, given)).toEqual([
      expect.stringMatching(
        /^fail way\.client-address the node sees 127\.0\.0\.9 .*the proxy: .* → server\.trusted_proxies = \["127\.0\.0\.9"\]/,
      ),
    ]);
  });

  test('that passes on the address that a client made up', async () => {
    const { node, url } = await behind(
      'nginx',
      [AS_OTHER, [FORWARDED, 'proxy_set_header X-Forwarded-For $http_x_forwarded_for;']],
      { 'server.trusted_proxies': '127.0.0.9' },
    );
    const [fault] = await found(url, { node: node.url });
    expect(fault).toMatch(/^fail way\.client-address the node believes an X-Forwarded-For that its client made up/);
  });

  test('whose silence is shorter than the heartbeat: who ended it, after how long', async () => {
    const { url } = await behind('nginx', [], {}, 1);
    const [fault] = await found(url, { idleMs: 5_000 });
    expect(fault).toMatch(
      /^fail way\.idle something on the way cut a silent connection after \d\.\d s without a close frame; the node pings every \d+ s, which is too late → .*proxy_read_timeout/,
    );
    await named('silence-cut', { values: { WS_URL: url, TOKEN: await tokenOf('alice') } });
  });
});

describe.skipIf(isMissing('haproxy'))('haproxy', () => {
  test('as it is delivered: nothing is wrong', async () => {
    const { node, url } = await behind('haproxy', [], { 'server.trusted_proxies': '127.0.0.1' });
    const settings = { 'server.trusted_proxies': '127.0.0.1' };
    expect(await found(url, { node: node.url, settings, idleMs: 300 })).toEqual([]);
  });

  test('whose tunnel ends before the heartbeat, without the headers of an upgrade, and without nodes', async () => {
    const short = await behind('haproxy', [], {}, 1);
    expect((await found(short.url, { idleMs: 5_000 }))[0]).toContain('cut a silent connection after');
    await short.node.stop();
    expect((await found(short.url))[0]).toContain('"haproxy" answers 503: it reaches no node that serves');
    const without = await behind('haproxy', [
      ['http-request del-header X-Forwarded-For', 'http-request del-header Upgrade'],
    ]);
    expect((await found(without.url))[0]).toMatch(/^fail way\.handshake a proxy drops the headers Upgrade/);
  });
});

describe('TLS', () => {
  const to = async (names: readonly string[], days: number, host = 'localhost'): Promise<string> => {
    const node = await startServer();
    const port = await startRelay(node.port, { certificate: certificateFor(names, days) });
    return `wss://${host}:${port}/ws`;
  };
  const way = async (names: readonly string[], days: number, host?: string): Promise<readonly string[]> =>
    found(await to(names, days, host));

  test('self-signed, expired, soon to expire, and of another name', async () => {
    expect((await way(['DNS:localhost'], 90)).join()).toMatch(/fail way\.certificate the certificate is self-signed/);
    const { line } = await named('certificate-expired', { values: { WS_URL: await to(['DNS:localhost'], -10) } });
    expect(line).toContain('expired 10 days ago');
    expect((await way(['DNS:localhost'], 5.5)).join()).toMatch(
      /warn way\.certificate the certificate expires in 5 days/,
    );
    expect((await way(['DNS:chat.example.com'], 90)).join()).toMatch(
      /the certificate is for chat\.example\.com, and not for localhost/,
    );
    expect((await way(['DNS:localhost'], 90, '127.0.0.1')).join()).toMatch(/not for the address 127\.0\.0\.1/);
  });

  test('of an authority that is known, by the verb: all is well', async () => {
    const node = await startServer();
    const certificate = certificateFor(['DNS:localhost', 'IP:127.0.0.1'], 90);
    const url = `wss://127.0.0.1:${await startRelay(node.port, { certificate })}/ws`;
    const args = ['doctor', '--only', 'way', '--json', '--url', url, '--token', await tokenOf('alice')];
    const { code, out } = await signalbox(args, { JWT_SECRET: SECRET, NODE_EXTRA_CA_CERTS: certificate.file });
    const { findings: all } = JSON.parse(out) as { findings: { level: string; says: string }[] };
    expect([code, all.map(({ level }) => level)]).toEqual([0, ['ok', 'ok', 'ok', 'ok', 'ok']]);
    expect(all[1]?.says).toMatch(
      /^TLSv1\.3, a certificate for 127\.0\.0\.1 with (89|90) days left, and its chain is known$/,
    );
  });

  test('where there is none, and none where there is', async () => {
    const node = await startServer();
    expect((await found(`wss://127.0.0.1:${node.port}/ws`)).join()).toMatch(
      /fail way\.certificate 127\.0\.0\.1:\d+ speaks no TLS/,
    );
    const port = await startRelay(node.port, { certificate: certificateFor(['DNS:localhost'], 90) });
    const plain = await found(`ws://127.0.0.1:${port}/ws`);
    expect(plain.join()).toMatch(
      /fail way\.handshake .*(speaks TLS, and the address says ws|does not answer the handshake)/,
    );
  });
});

describe('what stands where a node should', () => {
  test.each([
    [
      'a redirect to https',
      301,
      { location: 'https://chat.example.com/ws' },
      '',
      /sends to "https.*follow no redirect → wss:\/\/chat\.example\.com\/ws/,
    ],
    ['a redirect to a login', 302, { location: '/oauth2/sign_in?rd=%2Fws' }, '', /sends to a login/],
    [
      'a login page',
      200,
      { server: 'portal' },
      '<html><title>Sign in</title><input type="password">',
      /"portal" answers 200 with a login page, "Sign in"/,
    ],
    [
      'a single-page application',
      200,
      {},
      '<!doctype html><title>Shop</title>',
      /with a web page, "Shop": \/ws leads to another server/,
    ],
    [
      'a wall in front',
      401,
      { server: 'gate', 'www-authenticate': 'Basic' },
      'who are you',
      /"gate" answers 401 before the handshake reaches a node/,
    ],
    ['a gateway that waits in vain', 504, { server: 'cloud' }, '', /"cloud" answers 504: it reaches no node/],
    [
      'a proxy that speaks HTTP/1.0',
      505,
      {},
      '<h1>HTTP Version Not Supported</h1>',
      /a proxy speaks HTTP\/1\.0 to the node/,
    ],
    ['a head that is too long', 431, {}, '', /the head of the request is too long/],
    [
      'a port of HTTPS',
      400,
      { server: 'nginx' },
      '<title>400 The plain HTTP request was sent to HTTPS port</title>',
      /port is one of HTTPS.* → wss:/,
    ],
  ] as const)('%s', async (_, status, headers, body, said) => {
    const url = await something((_request, response) => response.writeHead(status, headers).end(body));
    const [fault = '', ...more] = await found(url);
    expect(fault).toMatch(said);
    expect([fault.slice(0, 18), more]).toEqual(['fail way.handshake', []]);
  });

  test('nobody, a name that leads nowhere, and one that says nothing', async () => {
    const { line } = await named('nobody-listens', { values: { WS_URL: 'ws://127.0.0.1:9/ws' }, isHere: true });
    expect(line).toMatch(/nobody answers at port 9 of 127\.0\.0\.1: .*ECONNREFUSED/);
    expect((await found('ws://no-such-host.invalid/ws'))[0]).toMatch(
      /^fail way\.address the name no-such-host\.invalid leads nowhere/,
    );
    const silent = await something(() => {});
    expect((await found(silent))[0]).toMatch(/does not answer the handshake: no answer within 2 s/);
  });

  test('a host whose packets are dropped on the way, as a firewall does', async () => {
    // A queue that is full: the kernel drops the packets of newcomers, and says nothing.
    const script =
      "const s = require('net').createServer().listen({port: 0, host: '127.0.0.1', backlog: 1}, () => console.log(s.address().port))";
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const port = Number(String((await once(child.stdout, 'data'))[0]));
    child.kill('SIGSTOP');
    const sockets = Array.from({ length: 8 }, () => connectTo({ port, host: '127.0.0.1' }).on('error', () => {}));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    const { line, cure } = await named('packets-dropped', { values: { WS_URL: `ws://127.0.0.1:${port}/ws` } });
    expect(line).not.toContain('ECONNREFUSED');
    expect(cure).toContain('firewalls');
  });

  test('a way that holds back what the node says, and one that takes no long message', async () => {
    const node = await startServer();
    const held = await startRelay(node.port, {
      toClient: (piece) =>
        Buffer.from(piece.toString('latin1').replace(/(\r\n\r\n)[^]*$/, '$1'), 'latin1').subarray(
          0,
          piece.toString('latin1').startsWith('HTTP') ? undefined : 0,
        ),
    });
    const values = { WS_URL: `ws://127.0.0.1:${held}/ws`, TOKEN: await tokenOf('alice') };
    await named('messages-held-back', { values, isHere: true });
    const narrow = await startRelay(node.port, { toNode: (piece) => (piece.byteLength > 16_000 ? null : piece) });
    expect((await found(`ws://127.0.0.1:${narrow}/ws`)).join()).toContain(
      'a message of 65536 bytes, which a node takes (websocket.max_message_size), does not pass',
    );
  });
});

test('a page that the running node refuses although the configuration here allows it', async () => {
  const node = await startServer({ 'security.allowed_origins': 'https://app.example.com' });
  const urls = [`ws://127.0.0.1:${node.port}/ws`];
  const settings = { 'security.allowed_origins': 'https://app.example.com,https://new.example.com' };
  expect(await faults([originsHandshake], { settings, urls, page: 'https://app.example.com/chat' })).toEqual([]);
  const [fault] = await faults([originsHandshake], { settings, urls, page: 'https://new.example.com' });
  expect(fault).toContain(
    'refuses pages of https://new.example.com, which the configuration here allows: it was changed after the start',
  );
});
