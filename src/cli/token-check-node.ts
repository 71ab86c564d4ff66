/** The node that `token --check` asks: the one that is named, else the one that the configuration says runs here. */
import type { Config } from '../config/schema.ts';
import type { Patient } from '../doctor/patient.ts';
import { tokenCheckByHttp, viewsByHttp } from '../doctor/views-by-http.ts';
import { findToken } from './admin-client.ts';
import type { Arguments } from './command.ts';
import { configuredAddress, readUrl } from './node-address.ts';

export interface AskedNode extends Pick<Patient, 'views' | 'checkToken'> {
  /** Why none is asked, or `null`. */
  readonly problem: string | null;
}

/** A node that was named has to answer. That none runs here is no fault of a token: then the configuration alone is asked. */
export async function nodeOf(args: Arguments, config: Config): Promise<AskedNode> {
  const named = args.text('url') ?? process.env['ADMIN_URL'];
  if (named !== undefined) return nodeAt(readUrl(named), await tokenFor(readUrl(named), args, config));
  try {
    const url = await configuredAddress(args, 'admin');
    const node = nodeAt(url, await tokenFor(url, args, config));
    const { status } = (await node.views?.get('/admin/nodes')) ?? { status: 0 };
    return status === 200 ? node : nobody(`${url.origin} was not asked, it refuses the admin token (${status})`);
  } catch (error) {
    return nobody(`not asked, ${error instanceof Error ? error.message : String(error)} (--url, --admin-token)`);
  }
}

function nodeAt(url: URL, token: string): AskedNode {
  return { views: viewsByHttp(url, token), checkToken: tokenCheckByHttp(url, token), problem: null };
}

function nobody(problem: string): AskedNode {
  return { views: null, checkToken: undefined, problem };
}

/** Where the configuration of the nodes is read, their admin token may be in it. @throws UsageError when there is none */
function tokenFor(url: URL, args: Arguments, { admin }: Config): Promise<string> {
  return findToken(args.text('admin-token') ?? process.env['ADMIN_TOKEN'] ?? admin.token, url);
}
