import { compileSelect, MAX_PAGES } from '@fetchfleet/crawl';
import { z } from 'zod';

const text = z.string();
const path = text.refine(isPath, 'is no JSONPath');
const name = text.min(1);
const place = text.regex(/^[^.]+(?:\.[^.]+)*$/s, 'is no place in a body');
const counter = { from: z.number().int().nonnegative(), step: z.number().int().positive() };

const next = z.union([
  z.literal('link'),
  z.strictObject({ select: path }),
  z.strictObject({ select: path, query: name }),
  z.strictObject({ select: path, json: place }),
  z.strictObject({ query: name, ...counter }),
  z.strictObject({ json: place, ...counter }),
]);

const until = z.union([
  z.strictObject({ empty: path }),
  z.strictObject({ missing: path }),
  z.strictObject({ false: path }),
  z.strictObject({ true: path }),
]);

/** `paginate` of a stored plan. */
export const storedPaginate = z.strictObject({
  next,
  until: until.exactOptional(),
  max: z.number().int().min(1).max(MAX_PAGES),
});

function isPath(text: string): boolean {
  try {
    compileSelect(text);
    return true;
  } catch {
    return false;
  }
}
