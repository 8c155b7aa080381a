import type { Problems } from './errors.ts';

/** A number from 1 to `max`; 0 if it is none. */
export function readCount(
  flag: string,
  text: string,
  { max, problems }: { readonly max: number; readonly problems: Problems },
): number {
  const count = /^\d{1,10}$/u.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) {
    return count;
  }
  problems.add(`${flag}: "${text}" is no number from 1 to ${max.toLocaleString('en')}`);
  return 0;
}
