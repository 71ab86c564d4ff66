/** The tables of the application, as its queries know them (migrations/). */
import type { Generated } from 'kysely';

interface UserRow {
  readonly id: string;
  readonly tenant: string;
  readonly email: string;
  readonly display_name: string;
  readonly avatar: string | null;
  readonly bio: string | null;
  readonly roles: readonly string[];
  readonly password: string | null;
  readonly is_active: Generated<boolean>;
  readonly token_version: Generated<number>;
  readonly tokens_from: Date | null;
  readonly created_at: Date;
  readonly changed_at: Date;
}

interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly ended_at: Date | null;
  readonly ended_because: string | null;
  readonly address: string;
  readonly agent: string | null;
}

interface RefreshTokenRow {
  readonly digest: string;
  readonly session: string;
  readonly access_id: string;
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly used_at: Date | null;
  readonly successor: string | null;
}

interface AttemptRow {
  readonly key: string;
  readonly tries: number;
  readonly until: Date;
}

interface AuditRow {
  readonly id: Generated<number>;
  readonly at: Date;
  readonly tenant: string;
  readonly action: string;
  readonly actor: string | null;
  readonly user_id: string | null;
  readonly address: string | null;
  readonly agent: string | null;
}

export interface Tables {
  readonly users: UserRow;
  readonly sessions: SessionRow;
  readonly refresh_tokens: RefreshTokenRow;
  readonly attempts: AttemptRow;
  readonly audit: AuditRow;
}
