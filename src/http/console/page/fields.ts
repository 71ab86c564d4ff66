/** The fields of forms. */
import { h } from './dom.ts';

export interface Field {
  readonly name: string;
  readonly label: string;
  /** `list` is several words, with commas between them. */
  readonly type: 'text' | 'number' | 'choice' | 'tick' | 'list';
  readonly choices?: readonly string[];
  readonly isRequired?: boolean;
  readonly value?: string;
}

export interface Control {
  readonly label: HTMLLabelElement;
  readonly input: HTMLInputElement | HTMLSelectElement;
}

/** Seconds after which a change reverts by itself. */
export const TTL: Field = { name: 'ttl_secs', label: 'Reverts after (seconds)', type: 'number' };

export function controlOf({ name, label, type, choices = [], isRequired = false, value }: Field): Control {
  if (type === 'choice') {
    const input = h('select', { name }, ...choices.map((choice) => h('option', { value: choice }, choice)));
    return { input, label: h('label', {}, label, input) };
  }
  const isTick = type === 'tick';
  const input = h('input', {
    name,
    type: isTick ? 'checkbox' : type === 'number' ? 'number' : 'text',
    required: isRequired,
    value,
    autocomplete: 'off',
    ...(type === 'number' && { min: 0, step: 'any' }),
  });
  return { input, label: isTick ? h('label', { class: 'tick' }, input, label) : h('label', {}, label, input) };
}

/** As the admin API takes them; fields that were left empty are left out. */
export function valuesOf(fields: readonly Field[], controls: readonly Control[]): Readonly<Record<string, unknown>> {
  const pairs = fields.map(({ name, type }, at) => [name, valueOf(type, controls[at]?.input)] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

function valueOf(type: Field['type'], input: Control['input'] | undefined): unknown {
  if (input === undefined) return '';
  if (type === 'tick') return (input as HTMLInputElement).checked;
  const text = input.value.trim();
  if (text === '') return '';
  if (type === 'number') return Number(text);
  return type === 'list' ? text.split(/[\s,]+/) : text;
}
