/** What is asked of the server, as far as it has pages. */
import type { Client } from '../client.ts';
import type { ConversationFacts, Got, MemberFacts, MessagesPage, Position } from './wire.ts';

/** Of members and their positions: 2,000. */
const MOST_PAGES = 10;
const PAGE = 50;
const LARGEST_PAGE = 100;

export function pageBefore(client: Client, conversation: string, before?: number): Promise<MessagesPage> {
  return client.request('X-ConversationMessages', { conversation, before, limit: PAGE }) as Promise<MessagesPage>;
}

/** The newest messages, and older ones down to the oldest that was shown. @returns newest page first */
export async function pagesDownTo(
  client: Client,
  conversation: string,
  oldest: number | undefined,
): Promise<readonly MessagesPage[]> {
  const pages: MessagesPage[] = [];
  const limit = oldest === undefined ? PAGE : LARGEST_PAGE;
  for (let before: number | undefined; pages.length < MOST_PAGES;) {
    const page = (await client.request('X-ConversationMessages', { conversation, before, limit })) as MessagesPage;
    pages.push(page);
    before = page.messages[0]?.sequence;
    if (!page.hasMore || before === undefined || oldest === undefined || before <= oldest) break;
  }
  return pages;
}

export async function readMembers(
  client: Client,
  conversation: string,
): Promise<{ readonly facts: ConversationFacts; readonly members: readonly MemberFacts[] }> {
  const members: MemberFacts[] = [];
  let after: string | undefined;
  for (let pages = 1; ; pages += 1) {
    const got = (await client.request('X-ConversationGet', { conversation, after })) as Got;
    members.push(...got.members);
    after = got.next ?? undefined;
    if (after === undefined || pages === MOST_PAGES) return { facts: got.conversation, members };
  }
}

export async function readPositions(client: Client, conversation: string): Promise<readonly Position[]> {
  const positions: Position[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const page = (await client.request('X-ConversationPositions', { conversation, after })) as {
      readonly positions: readonly Position[];
      readonly next: string | null;
    };
    positions.push(...page.positions);
    if (page.next === null) break;
    after = page.next;
  }
  return positions;
}
