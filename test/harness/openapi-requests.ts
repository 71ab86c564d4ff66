/** Requests for every route of /openapi.json, filled with values by name: a route that is new is among them. */
import type { TestServer } from './server.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly default?: unknown;
}

interface Operation {
  readonly parameters?: readonly { readonly name?: string; readonly in?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Wanted {
  readonly method: string;
  /** As the document has it. */
  readonly route: string;
  readonly path: string;
  readonly body: string | undefined;
}

/** A value for a name, on a route; `undefined`: none that matters. */
export type Values = (name: string, route: string) => string | undefined;

const MAX_DEPTH = 6;

export async function requestsOf(server: TestServer, values: Values): Promise<readonly Wanted[]> {
  const document = (await (await server.get('/openapi.json')).json()) as Document;
  return Object.entries(document.paths).flatMap(([route, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => variants(document, method, route, operation, values)),
  );
}

/** Without anything that may be left out, and with all of it. */
function variants(
  document: Document,
  method: string,
  route: string,
  { parameters = [], requestBody }: Operation,
  values: Values,
): Wanted[] {
  const name = `${method.toUpperCase()} ${route}`;
  const path = route.replaceAll(/\{(\w+)\}/g, (_, part: string) => encodeURIComponent(values(part, name) ?? 'x'));
  const query = new URLSearchParams();
  for (const { name: key = '', in: where } of parameters) {
    const value = where === 'query' ? values(key, name) : undefined;
    if (value !== undefined) query.set(key, value);
  }
  const schema = requestBody?.content['application/json']?.schema;
  const bodyOf = (isFull: boolean): string | undefined =>
    schema === undefined ? undefined : JSON.stringify(filled(document, schema, '', name, { values, isFull, depth: 0 }));
  const made = [
    { path, body: bodyOf(false) },
    { path: query.size === 0 ? path : `${path}?${query.toString()}`, body: bodyOf(true) },
  ];
  const isOne = made[0]?.path === made[1]?.path && made[0]?.body === made[1]?.body;
  return (isOne ? made.slice(0, 1) : made).map((it) => ({ method: method.toUpperCase(), route, ...it }));
}

interface Filling {
  readonly values: Values;
  readonly isFull: boolean;
  readonly depth: number;
}

function filled(document: Document, schema: Schema, name: string, route: string, filling: Filling): unknown {
  const { values, isFull, depth } = filling;
  const deeper = { ...filling, depth: depth + 1 };
  const reference = schema.$ref?.split('/').at(-1);
  if (depth > MAX_DEPTH) return null;
  if (reference !== undefined)
    return filled(document, document.components.schemas[reference] ?? {}, name, route, deeper);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return filled(document, schema.anyOf[0] ?? {}, name, route, deeper);
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
  if (type === 'array') return [filled(document, schema.items ?? {}, name, route, deeper)];
  if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (type === 'boolean') return true;
  if (type === 'object' || schema.properties !== undefined) {
    const { properties = {}, required = [] } = schema;
    const keys = Object.keys(properties).filter((key) => isFull || required.includes(key));
    return Object.fromEntries(keys.map((key) => [key, filled(document, properties[key] ?? {}, key, route, deeper)]));
  }
  return values(name, route) ?? 'x';
}
