/** The tables of the application, as its queries know them (migrations/). */
import type { Generated, Selectable } from 'kysely';

/** `image`: by a signed URL; the others by a form. */
export type Purpose = 'image' | 'message_attachment' | 'avatar';

interface UploadTable {
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
  /** SHA-256 in hex; `null` for what went to the storage directly. */
  readonly digest: string | null;
  readonly created_at: Generated<Date>;
  /** Since when no message and no profile names it; `null` while one does. */
  readonly loose_since: Generated<Date | null>;
  /** What alone names it, where that said so. */
  readonly claimed_by: Generated<string | null>;
}

export type UploadRow = Selectable<UploadTable>;

interface Key {
  readonly name: string;
  readonly secret: string;
  readonly created_at: Generated<Date>;
}

export interface Tables {
  readonly uploads: UploadTable;
  readonly keys: Key;
}

/** For queries of other applications too: their own tables are another schema. */
export const SCHEMA = 'media';
