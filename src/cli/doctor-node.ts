/** Which node `doctor` asks: the one that is named, else one that answers where the configuration says. */
import type { Config } from '../config/schema.ts';
import type { Patient } from '../doctor/patient.ts';
import { tokenCheckByHttp, viewsByHttp } from '../doctor/views-by-http.ts';
import { findToken } from './admin-client.ts';
import { UsageError, type Arguments } from './command.ts';
import { configuredAddress } from './node-address.ts';

type Asked = Pick<Patient, 'views' | 'checkToken' | 'found'> & {
  /** For the bundle, which leaves it out. */
  readonly token?: string;
};

/** For a look whether anybody is there, in ms. */
const LOOK_MS = 1_000;

/** @throws UsageError */
export async function nodeAt(args: Arguments, url: URL): Promise<Asked> {
  return askedWith(await findToken(args.text('admin-token'), url), url);
}

/** @throws UsageError */
export async function nodeHere(args: Arguments, config: Config | null): Promise<Asked> {
  const url = await addressHere(args);
  if (url === null) return { views: null, found: { address: '', state: 'nobody' } };
  const address = url.origin;
  if (!(await isAnswering(url))) return { views: null, found: { address, state: 'nobody' } };
  const token = await tokenHere(args, config, url);
  if (token === null) return { views: null, found: { address, state: 'no_token' } };
  return { ...askedWith(token, url), found: { address, state: 'asked' } };
}

function askedWith(token: string, url: URL): Asked {
  return { views: viewsByHttp(url, token), checkToken: tokenCheckByHttp(url, token), token };
}

/** A configuration with problems says nothing; those are findings of their own. */
async function addressHere(args: Arguments): Promise<URL | null> {
  try {
    return await configuredAddress(args, 'admin');
  } catch {
    return null;
  }
}

/** Without a token: whatever listens there may not be ours. */
async function isAnswering(url: URL): Promise<boolean> {
  try {
    const response = await fetch(new URL('/admin/nodes', url), {
      signal: AbortSignal.timeout(LOOK_MS),
      redirect: 'manual',
    });
    const body = (await response.json()) as { readonly error?: { readonly reason?: unknown } } | null;
    return body?.error?.reason === 'token_missing';
  } catch {
    return false;
  }
}

/** That of the configuration is for the node of the configuration, and is sent nowhere else. */
async function tokenHere(args: Arguments, config: Config | null, url: URL): Promise<string | null> {
  const given = args.text('admin-token') ?? process.env['ADMIN_TOKEN'] ?? config?.admin.token;
  try {
    return await findToken(given, url);
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}
