/** Tokens name the same few lists of roles: one object for each list, because every user would have a copy of its own. */

const MAX_LISTS = 1_000;
const lists = new Map<string, readonly string[]>();
/** The one that was asked for last, which is most often the next one too. */
let latest: readonly string[] = Object.freeze([]);

export function sharedRoles(roles: readonly string[]): readonly string[] {
  if (!isSame(latest, roles)) latest = shared(roles);
  return latest;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

function shared(roles: readonly string[]): readonly string[] {
  const key = JSON.stringify(roles);
  const known = lists.get(key);
  if (known !== undefined) return known;
  if (lists.size >= MAX_LISTS) lists.clear();
  const list = Object.freeze([...roles]);
  lists.set(key, list);
  return list;
}
