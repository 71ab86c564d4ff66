/** A plan for people: every quantity with its formula, the same in numbers, and its margin; what breaks first at the end. */
import { FIGURE_NAMES, FIGURES } from './figures.ts';
import { ASSUMPTIONS } from './assumptions.ts';
import { namesIn, parseExpression } from './expression.ts';
import type { Plan, Quantity, ReachedLimit } from './plan.ts';
import type { Origin } from './profile.ts';
import { TARGET, TARGET_NAMES } from './target.ts';
import { figures, formatted } from './units.ts';

const NAME_WIDTH = 22;
const VALUE_WIDTH = 16;
const NAME = /[a-z][a-z0-9_]*/g;
const CALLS = new Set(['min', 'max', 'ceil']);

export interface Source {
  readonly origin: Origin;
  readonly warnings: readonly string[];
}

/** @param isShort without formulas */
export function planText(plan: Plan, { origin, warnings }: Source, isShort: boolean): string {
  const lines = [
    ...warnings.map((warning) => `warning: ${warning}`),
    `figures: ${origin.cpu}, ${origin.os}, Node ${origin.node}, Signalbox ${origin.server}${origin.redis === null ? '' : `, Redis ${origin.redis}`}, ${origin.date.slice(0, 10)}${origin.quick ? ', quick' : ''}`,
    '',
    'Target',
    ...TARGET_NAMES.map((name) => line(name, formatted(plan.target[name], TARGET[name].unit), TARGET[name].says)),
    line(
      'broker',
      plan.target.broker,
      plan.target.isBatching ? 'clients negotiate batching' : 'clients without batching',
    ),
    ...plan.parts.flatMap(({ title, quantities }) => [
      '',
      title,
      ...quantities.flatMap((quantity) => quantityLines(quantity, plan, isShort)),
    ]),
    '',
    'What breaks first, with these nodes',
    ...plan.limits.flatMap((limit) => limitLines(limit, plan, isShort)),
    ...(isShort ? [] : ['', ...namesUsed(plan)]),
  ];
  return lines.join('\n');
}

function line(name: string, value: string, says: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value.padStart(VALUE_WIDTH)}   ${says}`;
}

function quantityLines(
  { name, value, unit, says, formula, margin, isGiven }: Quantity,
  plan: Plan,
  isShort: boolean,
): string[] {
  const head = line(name, formatted(value, unit), `${says}${isGiven ? ' (given)' : ''}`);
  if (isShort) return [head];
  return [head, ...(isGiven ? [] : derivation(formula, plan)), ...(margin === '' ? [] : [`      margin: ${margin}`])];
}

function limitLines(
  { name, value, unit, says, formula, grows, times, cure }: ReachedLimit,
  plan: Plan,
  isShort: boolean,
): string[] {
  const head = line(name, formatted(value, unit), `${grows} (${figures(times)} × the target): ${says}`);
  return isShort ? [head] : [head, ...derivation(formula, plan), `      cure: ${cure}`];
}

function derivation(formula: string, plan: Plan): string[] {
  return [`      = ${formula}`, `      = ${inNumbers(formula, plan)}`];
}

export function inNumbers(formula: string, { valueOf }: Pick<Plan, 'valueOf'>): string {
  return formula.replaceAll(NAME, (name) => {
    if (CALLS.has(name)) return name;
    const value = valueOf(name);
    return Number.isFinite(value) ? figures(value) : '∞';
  });
}

/** The figures and assumptions that the formulas name, with their words. */
function namesUsed(plan: Plan): string[] {
  const formulas = [...plan.parts.flatMap(({ quantities }) => quantities), ...plan.limits].map(
    ({ formula }) => formula,
  );
  const used = new Set(formulas.flatMap((formula) => namesIn(parseExpression(formula))));
  return [
    'Figures of the profile',
    ...FIGURE_NAMES.filter((name) => used.has(name)).map((name) =>
      line(name, formatted(plan.valueOf(name), FIGURES[name].unit), FIGURES[name].says),
    ),
    '',
    'Assumptions (--set NAME=NUMBER changes each, and every quantity above)',
    ...Object.entries(ASSUMPTIONS)
      .filter(([name]) => used.has(name))
      .map(([name, { unit, says }]) => line(name, formatted(plan.valueOf(name), unit), says)),
  ];
}
