/** JSON of events that somebody else has made: every look at it may find something else. */
import { ProviderError } from './provider.ts';

/** @throws ProviderError `garbage` */
export function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new ProviderError('garbage', 'expected an event of JSON');
  }
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** `''` where there is none. */
export function textAt(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found : '';
}

/** 0 where there is none, or none that can be. */
export function numberAt(value: unknown, name: string): number {
  const found = field(value, name);
  return typeof found === 'number' && Number.isSafeInteger(found) && found >= 0 ? found : 0;
}
