/** What the operations on messages are given beside the ports of all operations. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { MaybePromise } from '../../vocabulary.ts';
import type { Ports } from '../ports.ts';
import type { Sender } from '../sending.ts';
import type { BadField } from './body.ts';

export interface MessagePorts extends Ports {
  readonly sender: Sender;
  readonly uploads: Uploads;
}

/** A file of a message, as its readers see it. */
export interface Attachment {
  readonly url: string;
  readonly name: string;
  readonly size: number;
  readonly mime: string;
}

interface Naming {
  readonly tenant: string;
  readonly user: string;
  readonly conversation: string;
}

/** Where the files of messages are: filled by the application that keeps them. */
export interface Uploads {
  /**
   * Uploads by their ids or URLs, which from now on are kept as a part of the conversation.
   * @param claim of this message alone
   * @returns `null` when one of them is not there, or is another user's or another conversation's: one word for all
   */
  claim(naming: Naming, named: readonly string[], claim: string): MaybePromise<readonly Attachment[] | null>;
  /** The message was not stored. @param claim with which it has named them */
  unclaim(naming: Naming, named: readonly string[], claim: string): MaybePromise<void>;
}

export function refuseField({ host }: Pick<Ports, 'host'>, { field, problem }: BadField): Refusal {
  return host.refuse('invalid_field', `${field}: ${problem}`, { details: { field } });
}
