import { compileSelect, SelectError } from '@fetchfleet/crawl';
import { z } from 'zod';

/** A JSONPath of a stored plan. */
export const storedPath = z.string().refine(isPath, 'is no JSONPath');

function isPath(written: string): boolean {
  try {
    compileSelect(written);
    return true;
  } catch (error) {
    if (error instanceof SelectError) {
      return false;
    }
    throw error;
  }
}
