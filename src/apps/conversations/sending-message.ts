/** A message on its way into the tables. */

export interface Sending {
  readonly tenant: string;
  readonly conversation: string;
  readonly sender: string;
  /** The sender's own id; without, every message is a new one. */
  readonly clientId: string | null;
  /** JSON text, without `n`. */
  readonly payload: string;
  /** The message that it answers, and the first of its thread. */
  readonly parent?: number | null;
  readonly thread?: number | null;
  /** It needs the right to upload, too. */
  readonly hasUploads?: boolean;
  /** Comes from a backend, which is no member. */
  readonly isService?: boolean;
}
