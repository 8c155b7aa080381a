import { suggestion } from '../model/suggestion.ts';
import type { Field } from './field.ts';

// Every reader returns undefined for an absent field, and for an invalid one that it reports.

interface Bounds {
  readonly min: number;
  readonly max: number;
}

interface Quantity<T> extends Bounds {
  readonly parse: (text: string) => T | undefined;
  readonly sizeOf: (value: T) => number;
  /** `"20/x" is not a rate` */
  readonly what: string;
  readonly allowed: string;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;

/** Reads a text that is not empty. */
export function readText(field: Field | undefined): string | undefined {
  if (field === undefined) {
    return undefined;
  }
  if (field.text === undefined || field.text === '') {
    const what = field.text === '' ? 'an empty text' : field.shown;
    field.report(`${what} is not allowed; expected a text`);
    return undefined;
  }
  return field.text;
}

export function readChoice<Choice extends string>(
  field: Field | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (field === undefined) {
    return undefined;
  }
  const found = choices.find((choice) => choice === field.text);
  if (found === undefined) {
    const hint = field.text === undefined ? '' : suggestion(field.text, choices);
    field.report(`${field.shown} is not allowed; allowed: ${orList(choices)}${hint}`);
  }
  return found;
}

export function readBoolean(field: Field | undefined): boolean | undefined {
  const choice = readChoice(field, ['true', 'false']);
  return choice === undefined ? undefined : choice === 'true';
}

export function readInteger(field: Field | undefined, { min, max }: Bounds): number | undefined {
  if (field === undefined) {
    return undefined;
  }
  const value = INTEGER.test(field.text ?? '') ? Number(field.text) : undefined;
  if (value !== undefined && value >= min && value <= max) {
    return value;
  }
  field.report(`${field.shown} is not allowed; allowed: a whole number from ${min} to ${max}`);
  return undefined;
}

/** Reads `unlimited` or what `read` accepts. */
export function readUnlimited<T>(
  field: Field | undefined,
  read: (field: Field | undefined) => T | undefined,
): T | 'unlimited' | undefined {
  return field?.text === 'unlimited' ? 'unlimited' : read(field);
}

export function readQuantity<T>(field: Field | undefined, quantity: Quantity<T>): T | undefined {
  if (field === undefined) {
    return undefined;
  }
  const { parse, sizeOf, what, allowed, min, max } = quantity;
  const value = parse(field.text ?? '');
  if (value === undefined) {
    field.report(`${field.shown} is not ${what}; allowed: ${allowed}`);
    return undefined;
  }
  if (sizeOf(value) >= min && sizeOf(value) <= max) {
    return value;
  }
  field.report(`${field.shown} is out of range; allowed: ${allowed}`);
  return undefined;
}

function orList(choices: readonly string[]): string {
  return choices.length < 2
    ? choices.join('')
    : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
