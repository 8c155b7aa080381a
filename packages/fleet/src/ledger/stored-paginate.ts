import { MAX_PAGES } from '@fetchfleet/crawl';
import { z } from 'zod';
import { storedPath } from './stored-path.ts';

const text = z.string();
const name = text.min(1);
const place = text.regex(/^[^.]+(?:\.[^.]+)*$/s, 'is no place in a body');
const counter = { from: z.number().int().nonnegative(), step: z.number().int().positive() };

const next = z.union([
  z.literal('link'),
  z.strictObject({ select: storedPath }),
  z.strictObject({ select: storedPath, query: name }),
  z.strictObject({ select: storedPath, json: place }),
  z.strictObject({ query: name, ...counter }),
  z.strictObject({ json: place, ...counter }),
]);

const until = z.union([
  z.strictObject({ empty: storedPath }),
  z.strictObject({ missing: storedPath }),
  z.strictObject({ false: storedPath }),
  z.strictObject({ true: storedPath }),
]);

/** `paginate` of a stored plan. */
export const storedPaginate = z.strictObject({
  next,
  until: until.exactOptional(),
  max: z.number().int().min(1).max(MAX_PAGES),
});
