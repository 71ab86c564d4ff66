/** The keys of the configuration as a flat list, with what each of them takes: read from the schema. */
import type { z } from 'zod';
import type { SecretKind, UrlPaths } from './key-types.ts';
import { PREFIX, schema, SECTIONS, SHORT_NAMES } from './schema.ts';

type ValueKind = 'text' | 'whole number' | 'number' | 'true or false' | 'list' | 'list of tables';

export interface Key {
  /** `section.key`, or `profile`. */
  readonly path: string;
  readonly kind: ValueKind;
  readonly isSecret: boolean;
  /** `undefined` for what is no secret. */
  readonly secret: SecretKind | undefined;
  /** For URLs, which may hold secrets: what their paths are. */
  readonly urlPaths: UrlPaths | undefined;
  readonly description: string;
  /** `undefined` when there is none. */
  readonly fallback: unknown;
  /** Bounds or choices in words, or `''`. */
  readonly bounds: string;
  /** Environment variables that set it, the systematic one first. */
  readonly variables: readonly string[];
}

/** The part of a JSON schema that is looked at. */
interface JsonType {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

interface Definition {
  readonly type: string;
  readonly innerType?: { readonly def: Definition };
  readonly defaultValue?: unknown;
  readonly element?: { readonly def: Definition };
}

/** Every key, in the order of the schema. */
export const KEYS: readonly Key[] = [
  describeKey('profile', schema.shape.profile),
  ...Object.entries(SECTIONS).flatMap(([section, object]) =>
    Object.entries(object.shape).map(([key, type]) => describeKey(`${section}.${key}`, type as z.ZodType)),
  ),
];

export const KEYS_BY_PATH: ReadonlyMap<string, Key> = new Map(KEYS.map((key) => [key.path, key]));

/** Environment variable → key. */
export const KEYS_BY_VARIABLE: ReadonlyMap<string, Key> = new Map(
  KEYS.flatMap((key) => key.variables.map((name) => [name, key] as const)),
);

/** What a key takes, of the server or of an application. */
export function describeKey(path: string, type: z.ZodType): Key {
  const { core, fallback } = unwrap(type.def);
  const json = jsonOf(type);
  const meta = metaOf(type);
  const secret = meta['secret'] as SecretKind | undefined;
  const short = Object.entries(SHORT_NAMES)
    .filter(([, target]) => target === path)
    .map(([name]) => name);
  return {
    path,
    kind: kindOf(core, json),
    isSecret: secret !== undefined,
    secret,
    urlPaths: meta['urlPaths'] as UrlPaths | undefined,
    description: (meta['description'] as string | undefined) ?? '',
    fallback,
    bounds: boundsOf(json),
    variables: [`${PREFIX}${path.replaceAll(/[.-]/g, '_').toUpperCase()}`, ...short],
  };
}

/** Whatever stands around it: a secret that may be missing is a secret. */
function metaOf(type: z.ZodType): Readonly<Record<string, unknown>> {
  const inner = (type.def as Definition).innerType as z.ZodType | undefined;
  return { ...(inner === undefined ? {} : metaOf(inner)), ...type.meta() };
}

function unwrap(definition: Definition): { core: Definition; fallback: unknown } {
  let core = definition;
  let fallback: unknown;
  while (core.innerType !== undefined) {
    if (core.type === 'default') fallback = core.defaultValue;
    core = core.innerType.def;
  }
  return { core, fallback };
}

function jsonOf(type: z.ZodType): JsonType {
  return type.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as JsonType;
}

function kindOf(core: Definition, json: JsonType): ValueKind {
  if (core.type === 'boolean') return 'true or false';
  if (core.type === 'number') return json.type === 'integer' ? 'whole number' : 'number';
  if (core.type === 'array') return core.element?.def.type === 'object' ? 'list of tables' : 'list';
  return 'text';
}

function boundsOf({ enum: choices, const: only, minimum, maximum, exclusiveMinimum }: JsonType): string {
  if (choices !== undefined) return choices.map((choice) => `"${choice}"`).join(', ');
  if (only !== undefined) return `"${only}"`;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return exclusiveMinimum === undefined ? '' : `above ${exclusiveMinimum}`;
}
