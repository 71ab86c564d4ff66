/** Steps that the engine's own code takes for a call: no block of the source runs for each of them. */

type Native = (this: unknown, ...args: unknown[]) => unknown;
/** What a call walked over. */
type Length = (self: unknown, args: readonly unknown[], result: unknown) => unknown;
type Walks = readonly (readonly [owner: object, length: Length, names: readonly PropertyKey[]])[];

const own: Length = (self) => (self as ArrayLike<unknown>).length;
const made: Length = (_self, _args, result) => (result as ArrayLike<unknown>).length;
const given: Length = (_self, [from]) => (from as ArrayLike<unknown> | undefined)?.length;
const members: Length = (_self, args) => Object.keys(args.at(-1) ?? {}).length;
/** Of maps and sets, which take longer: what is copied into another one is hashed as well. */
const entry: Length = () => 4;
const all: Length = (self) => (self as ReadonlySet<unknown>).size;

const typed = Object.getPrototypeOf(Uint8Array.prototype) as object;
const iterators = [new Map(), new Set()].map((empty) => Object.getPrototypeOf(empty[Symbol.iterator]()) as object);

/** Those that take a function are not here: the function is counted. Nor are those of texts: linear.test.ts times them. */
export const WALKS: Walks = [
  [
    Array.prototype,
    own,
    ['includes', 'indexOf', 'lastIndexOf', 'splice', 'shift', 'unshift', 'join', 'fill', 'reverse'],
  ],
  [Array.prototype, own, ['sort', 'toSorted', 'toReversed', 'toSpliced', 'with', 'copyWithin', Symbol.iterator]],
  [Array.prototype, made, ['slice', 'concat', 'flat']],
  [
    typed,
    own,
    ['includes', 'indexOf', 'lastIndexOf', 'fill', 'reverse', 'sort', 'toSorted', 'toReversed', 'copyWithin'],
  ],
  [typed, made, ['slice']],
  [typed, given, ['set']],
  [Object, made, ['keys', 'values', 'entries']],
  [Object, members, ['assign']],
  [Array, made, ['from']],
  ...iterators.map((prototype) => [prototype, entry, ['next']] as const),
];

/**
 * The way to the first entry of a map or set leads over the holes that removed ones have left, as many as there are entries at
 * most. Only for work that removes and begins anew again and again: most walks find no holes.
 */
export const HOLES: Walks = [Map.prototype, Set.prototype].map((owner) => [
  owner,
  all,
  ['keys', 'values', 'entries', Symbol.iterator],
]);

/** @returns the steps of the engine's own walks while `work` ran */
export function nativeSteps(work: () => void, walks: Walks): number {
  let steps = 0;
  let isCounting = true;
  const originals = walks.flatMap(([owner, length, names]) =>
    names.map((name) => {
      const original = Reflect.get(owner, name) as Native;
      const counted: Native = function counted(...args) {
        const result = Reflect.apply(original, this, args);
        if (isCounting) {
          // What measures a length may walk as well.
          isCounting = false;
          steps += Number(length(this, args, result) ?? 0);
          isCounting = true;
        }
        return result;
      };
      return { owner, name, original, counted };
    }),
  );
  const put = (owner: object, name: PropertyKey, value: Native): void =>
    void Object.defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true });
  for (const { owner, name, counted } of originals) put(owner, name, counted);
  try {
    work();
  } finally {
    isCounting = false;
    for (const { owner, name, original } of originals) put(owner, name, original);
  }
  return steps;
}
