import { compileSelect, MAX_PAGES } from '@fetchfleet/crawl';
import { z } from 'zod';

const text = z.string();
const jsonPath = text.refine(isPath, 'is no JSONPath');
const name = text.min(1);
const place = text.regex(/^[^.]+(?:\.[^.]+)*$/s, 'is no place in a body');
const counter = { from: z.number().int().nonnegative(), step: z.number().int().positive() };

const next = z.union([
  z.literal('link'),
  z.strictObject({ select: jsonPath }),
  z.strictObject({ select: jsonPath, query: name }),
  z.strictObject({ select: jsonPath, json: place }),
  z.strictObject({ query: name, ...counter }),
  z.strictObject({ json: place, ...counter }),
]);

const until = z.union([
  z.strictObject({ empty: jsonPath }),
  z.strictObject({ missing: jsonPath }),
  z.strictObject({ false: jsonPath }),
  z.strictObject({ true: jsonPath }),
]);

/** `paginate` of a stored plan. */
export const storedPaginate = z.strictObject({
  next,
  until: until.exactOptional(),
  max: z.number().int().min(1).max(MAX_PAGES),
});

function isPath(path: string): boolean {
  try {
    compileSelect(path);
    return true;
  } catch {
    return false;
  }
}
