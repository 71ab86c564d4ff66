/** What nodes know of themselves, and what their examinations find, described. */
import { z } from 'zod';
import { DOCTOR, FACTS } from '../admin-facts.ts';
import type { Endpoint } from './endpoint.ts';

const ADMIN = { tag: 'administration', role: 'admin', method: 'GET' } as const;

const finding = z
  .object({
    check: z.string().describe('group.name; docs/doctor.md lists them'),
    level: z.enum(['ok', 'warn', 'fail']),
    says: z.string().describe('the cause, with its figures'),
    cure: z.string().nullable().describe('a command or a key; null when nothing is wrong'),
  })
  .meta({ id: 'Finding' });

const facts = z
  .looseObject({
    node: z.string(),
    problem: z.string().nullable().optional().describe('why this node gave no answer: then nothing else is there'),
    now: z.number().optional().describe('its clock, ms since 1970'),
    versions: z.record(z.string(), z.string().nullable()).optional(),
    process: z.looseObject({}).optional().describe('limits of the process, the kernel and the container'),
    configuration: z
      .record(z.string(), z.union([z.object({ value: z.unknown() }), z.object({ fingerprint: z.string() })]))
      .optional()
      .describe('by key; of secrets a fingerprint, which is the same on nodes that have the same'),
    broker: z.looseObject({}).nullable().optional().describe('what topics are kept in; null in memory'),
    database: z.looseObject({}).nullable().optional().describe('null when no application uses one'),
    queues: z.looseObject({}).nullable().optional().describe('null when no application names one'),
    load: z.looseObject({}).optional().describe('lag of the event loop, garbage collection, CPU'),
    costs: z.looseObject({}).optional().describe('what costs most: topics, users, addresses, patterns, clients'),
  })
  .meta({ id: 'Facts', description: 'What a running node knows of itself.' });

export const FACTS_ENDPOINTS: readonly Endpoint[] = [
  {
    ...ADMIN,
    path: FACTS,
    operation: 'facts',
    summary:
      'Facts of a node that other views do not say: versions, limits, configuration, storage, load, what costs most.',
    response: z.object({ node: z.string(), nodes: z.array(facts) }).or(facts),
  },
  {
    ...ADMIN,
    path: DOCTOR,
    operation: 'doctor',
    summary: 'What is wrong with a node and its service, with cause and cure; of the last five seconds.',
    response: z.object({
      node: z.string(),
      at: z.number().describe('ms since 1970'),
      findings: z.array(finding),
      skipped: z.array(z.object({ check: z.string(), needs: z.string() })),
      summary: z.object({ ok: z.int(), warn: z.int(), fail: z.int() }),
    }),
  },
];
