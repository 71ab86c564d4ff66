/** Why a token may do nothing, or less than its issuer thinks: which rule would let which role. */
import { abilitiesOf, mayNothing, type Abilities } from '../../auth/abilities.ts';
import type { Verified } from '../../auth/authenticator.ts';
import type { Rights } from '../../auth/rights.ts';
import { quote } from '../../protocol/errors.ts';
import { ok, warn, type Observation } from '../finding.ts';
import type { GivenToken } from './given-token.ts';

/** Where providers write what `roles` is here. */
const ELSEWHERE = [
  'role',
  'scope',
  'scp',
  'groups',
  'permissions',
  'authorities',
  'realm_access',
  'resource_access',
  'cognito:groups',
];
const MAX_RULES = 6;

export function rightsObservations(
  { label, parts }: GivenToken,
  { principal }: Verified,
  rights: Rights,
): readonly Observation[] {
  const abilities = abilitiesOf(rights, principal);
  const { roles, topics } = principal;
  const own = roles.length === 0 ? 'no roles' : `the roles ${roles.map((role) => quote(role)).join(', ')}`;
  const found: Observation[] = abilities.given
    .filter(({ subscribe }) => subscribe !== null)
    .map(({ name, subscribe }) =>
      warn(
        `${label} is to be subscribed to ${quote(name)} from the start, and may not subscribe to it (${subscribe})`,
        'change the rule of [topics], or the claim subscribe',
      ),
    );
  if (!mayNothing(abilities)) return found.length > 0 ? found : [ok(`${label} has ${own}: ${summary(abilities)}`)];
  const rules = rulesOf(rights);
  if (rules.length === 0)
    return [
      ...found,
      warn(
        `${label} may do nothing: no rule of [topics] lets anybody do anything, which is how production starts`,
        '[topics] subscribe = ["user"], publish = ["user"], or a rule for a pattern (docs/configuration.md)',
      ),
    ];
  if (isTokensNo(abilities))
    return [
      ...found,
      warn(
        `${label} may do nothing: its roles would do, and its own claim topics covers nothing of what the rules know (subscribe ${quote(topics?.subscribe.join(', ') ?? '')}, publish ${quote(topics?.publish.join(', ') ?? '')})`,
        'let the issuer leave the claim topics out, or name the topics of [topics] in it',
      ),
    ];
  return [
    ...found,
    warn(
      `${label} has ${own} and may do nothing: ${rules.join('; ')}`,
      `let the issuer write one of these roles into the claim roles, a list${hint(parts?.claims ?? {})}`,
    ),
  ];
}

/** Of each rule that lets somebody do something, whom. */
function rulesOf(rights: Rights): readonly string[] {
  const places = [...rights.patterns, null];
  const told = places.flatMap((pattern) => {
    const who = (['subscribe', 'publish'] as const).flatMap((action) => {
      const roles = rights.rolesOf(pattern, action);
      return roles.length === 0 ? [] : [`${action} to ${roles.join(' or ')}`];
    });
    return who.length === 0 ? [] : [`${pattern ?? '[topics]'} allows ${who.join(', ')}`];
  });
  return told.length > MAX_RULES ? [...told.slice(0, MAX_RULES), `and ${told.length - MAX_RULES} rules more`] : told;
}

function isTokensNo({ topics, others }: Abilities): boolean {
  return [...topics, others].some(({ subscribe, publish }) => subscribe === 'token' || publish === 'token');
}

/** The roles may be there, under another name. */
function hint(claims: Readonly<Record<string, unknown>>): string {
  const { roles } = claims;
  if (Array.isArray(roles) && roles.length > 0) return '';
  const other = ELSEWHERE.find((name) => claims[name] !== undefined);
  return other === undefined ? '' : `: its claim ${other} is not read here`;
}

function summary({ topics, others }: Abilities): string {
  const may = (action: 'subscribe' | 'publish'): string => {
    const names = topics.filter((topic) => topic[action] === null).map(({ name }) => name);
    const all = others[action] === null ? [...names, 'all other topics'] : names;
    return all.length === 0 ? 'none' : all.slice(0, MAX_RULES).join(', ');
  };
  return `may subscribe to ${may('subscribe')}, and publish in ${may('publish')}`;
}
