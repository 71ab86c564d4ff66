/** A token that somebody asks about, read without believing it: nothing here says that it is good. */
import type { Patient } from '../patient.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface GivenToken {
  readonly text: string;
  /** What it is called in texts: the token itself is never shown. */
  readonly label: string;
  /** `null` when it is no JWT. */
  readonly parts: { readonly head: Fields; readonly claims: Fields } | null;
}

export function givenTokens({ tokens }: Pick<Patient, 'tokens'>): readonly GivenToken[] {
  return tokens.map((text, at) => {
    const parts = partsOf(text);
    const user = parts?.claims['sub'] ?? parts?.claims['user_id'];
    const which = tokens.length === 1 ? 'the token' : `token ${at + 1}`;
    return { text, parts, label: typeof user === 'string' ? `${which} of ${user}` : which };
  });
}

function partsOf(text: string): GivenToken['parts'] {
  const [head = '', claims = '', , ...more] = text.split('.');
  if (more.length > 0) return null;
  const read = [fieldsOf(head), fieldsOf(claims)];
  return read[0] == null || read[1] == null ? null : { head: read[0], claims: read[1] };
}

function fieldsOf(part: string): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}
