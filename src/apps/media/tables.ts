/** The tables of the application, as its queries know them (migrations/). */
import type { Generated } from 'kysely';

/** `image`: by a signed URL; the others by a form. */
export type Purpose = 'image' | 'message_attachment' | 'avatar';

export interface UploadRow {
  readonly id: string;
  readonly tenant: string;
  readonly owner: string;
  readonly purpose: Purpose;
  readonly conversation: string | null;
  /** Where the storage has it, without the tenant. */
  readonly key: string;
  readonly url: string;
  readonly name: string;
  readonly type: string;
  readonly max_bytes: number;
  /** `null` until the bytes are stored and their type was looked at. */
  readonly bytes: number | null;
  readonly created_at: Generated<Date>;
  /** Since when a message or a profile names it. */
  readonly kept_at: Date | null;
}

interface Key {
  readonly name: string;
  readonly secret: string;
  readonly created_at: Generated<Date>;
}

export interface Tables {
  readonly uploads: UploadRow;
  readonly keys: Key;
}

/** For queries of other applications too: their own tables are another schema. */
export const SCHEMA = 'media';
