/** The fields of a schema as rows of a table: what docs/protocol.md has to say of a frame. */
import { z } from 'zod';

export interface Row {
  readonly field: string;
  readonly type: string;
  readonly required: boolean;
}

interface Node {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

export function rowsOf(schema: z.ZodType): Row[] {
  return members('', z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' }) as Node);
}

/** Of a union the members of all its objects; only what all have is required. */
function members(prefix: string, node: Node): Row[] {
  const objects = (node.anyOf ?? [node]).filter(({ properties }) => properties !== undefined);
  const names = new Set(objects.flatMap(({ properties = {} }) => Object.keys(properties)));
  return [...names].flatMap((name) => {
    const found = objects.flatMap(({ properties = {} }) => properties[name] ?? []);
    const required = objects.every((each) => each.required?.includes(name) === true);
    const value: Node = found.length === 1 ? (found[0] as Node) : { anyOf: found };
    return [{ field: `${prefix}${name}`, type: typeName(value), required }, ...inside(`${prefix}${name}`, value)];
  });
}

function inside(field: string, node: Node): Row[] {
  if (isPosition(node) || isPositions(node)) return [];
  if (node.items !== undefined) {
    const { items } = node;
    const inner = members(`${field}[].`, items);
    if (inner.length > 0) return inner;
    return items.type === undefined ? [] : [{ field: `${field}[]`, type: typeName(items), required: true }];
  }
  if (typeof node.additionalProperties === 'object' && node.properties === undefined)
    return members(`${field}.*.`, node.additionalProperties);
  return node.properties === undefined ? [] : members(`${field}.`, node);
}

function typeName(node: Node): string {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeName))].join(' or ');
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  if (isPosition(node)) return 'position';
  if (isPositions(node)) return 'positions';
  if (node.type === 'string') return `string${lengths(node.minLength, node.maxLength)}`;
  if (node.type === 'array') return `array${lengths(node.minItems, node.maxItems)}`;
  if (node.type === 'integer') return `integer${range(node.minimum, node.maximum)}`;
  if (typeof node.type === 'object') return node.type.join(' or ');
  return node.type ?? 'JSON';
}

function lengths(min: number | undefined, max: number | undefined): string {
  if (max === undefined) return '';
  return min === undefined ? `, ≤ ${max}` : `, ${min}–${max}`;
}

function range(min: number | undefined, max: number | undefined): string {
  const [from, to] = [
    min === Number.MIN_SAFE_INTEGER ? undefined : min,
    max === Number.MAX_SAFE_INTEGER ? undefined : max,
  ];
  if (from === undefined) return '';
  return to === undefined ? ` ≥ ${from}` : `, ${from}–${to}`;
}

function isPosition({ properties = {}, required = [] }: Node): boolean {
  return Object.keys(properties).join() === 'epoch,sequence' && required.length === 2;
}

function isPositions({ properties, additionalProperties }: Node): boolean {
  return properties === undefined && typeof additionalProperties === 'object' && isPosition(additionalProperties);
}
