/** Tokens name the same few lists of roles: one object for each list, because every user would have a copy of its own. */

const MAX_LISTS = 1_000;
const lists = new Map<string, readonly string[]>();

export function sharedRoles(roles: readonly string[]): readonly string[] {
  const key = JSON.stringify(roles);
  const known = lists.get(key);
  if (known !== undefined) return known;
  if (lists.size >= MAX_LISTS) lists.clear();
  const shared = Object.freeze([...roles]);
  lists.set(key, shared);
  return shared;
}
