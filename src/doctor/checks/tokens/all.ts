/** The checks of tokens: `token --check` runs them too. */
import type { Check } from '../../check.ts';
import { tokensAccepted } from './accepted.ts';
import { tokensNode } from './node.ts';
import { tokensRights } from './rights.ts';
import { tokensTimes } from './times.ts';
import { tokensUser } from './user.ts';

export const TOKEN_CHECKS: readonly Check[] = [tokensAccepted, tokensNode, tokensTimes, tokensUser, tokensRights];
