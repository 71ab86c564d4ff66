/** What the nodes of the service know of themselves, as the checks read it: asked for once in an examination. */
import type { ShownValue } from '../node/shown.ts';
import type { DatabaseLook } from '../database/look.ts';
import type { OwnFacts } from '../node/node-facts.ts';
import type { AlertFacts } from '../telemetry/alerts.ts';
import type { LogFacts } from '../telemetry/pino-log.ts';
import type { ScrapeFacts } from '../telemetry/scrapes.ts';
import type { LoadFacts } from '../telemetry/load-watch.ts';
import type { ProcessFacts } from '../telemetry/process-facts.ts';
import type { BrokerFacts } from './redis-facts.ts';
import type { Patient, View, Views } from './patient.ts';

/** A node of another version may leave parts out. */
export interface NodeFacts extends Partial<OwnFacts> {
  readonly node: string;
  readonly now?: number;
  readonly started_at?: number;
  readonly mode?: string;
  readonly admitting?: boolean;
  readonly awaits_orders?: boolean;
  readonly versions?: Readonly<Record<string, string | null>>;
  readonly process?: ProcessFacts;
  readonly configuration?: Readonly<Record<string, ShownValue>>;
  readonly storage?: string;
  readonly broker?: BrokerFacts | null;
  readonly database?: DatabaseFacts | null;
  readonly queues?: QueueFacts | null;
  readonly load?: LoadFacts;
  readonly logs?: LogFacts;
  readonly scrapes?: ScrapeFacts | null;
  readonly alerts?: AlertFacts;
  readonly apps?: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

export interface DatabaseFacts {
  readonly driver: string;
  readonly needed: boolean;
  readonly trouble: string | null;
  readonly pool: { readonly idle: number; readonly busy: number; readonly waiting: number; readonly lost: number };
  readonly failures: Readonly<Record<string, number>>;
  readonly look: DatabaseLook | null;
}

export interface QueueFacts {
  readonly kind: string;
  readonly trouble: string | null;
  readonly problem: string | null;
  readonly queues: readonly {
    readonly queue: string;
    readonly ready: number;
    readonly unacknowledged: number;
    readonly later: number;
    readonly dead: number;
  }[];
}

export interface ServiceFacts {
  readonly nodes: readonly NodeFacts[];
  /** Why somebody is missing, a line each. */
  readonly missing: readonly string[];
  /** Why there is nothing at all, when a node was to be asked. */
  readonly problem: string | null;
}

const asked = new WeakMap<Views, Promise<ServiceFacts>>();
const NOBODY: ServiceFacts = { nodes: [], missing: [], problem: null };

/** Of all nodes that answer; of nobody when no node can be asked, which is the finding of another check. */
export function factsOf({ views }: Patient): Promise<ServiceFacts> {
  if (views === null) return Promise.resolve(NOBODY);
  let answer = asked.get(views);
  if (answer === undefined) asked.set(views, (answer = askAll(views)));
  return answer;
}

async function askAll(views: Views): Promise<ServiceFacts> {
  let view: View;
  try {
    view = await views.get('/admin/facts?node=*');
  } catch (error) {
    return { ...NOBODY, problem: error instanceof Error ? error.message : String(error) };
  }
  const rows = view.body?.['nodes'];
  if (view.status !== 200 || !Array.isArray(rows)) return { ...NOBODY, problem: `it answers ${view.status}` };
  const answers = rows as readonly (NodeFacts & { readonly problem?: string | null })[];
  const isAnswer = ({ problem }: (typeof answers)[number]): boolean => typeof problem !== 'string';
  return {
    problem: null,
    nodes: answers.filter(isAnswer),
    missing: answers.filter((row) => !isAnswer(row)).map(({ node, problem }) => `${node} ${problem ?? ''}`),
  };
}

/** `a, b and 3 more`. */
export function named(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}
