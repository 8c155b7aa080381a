import { compileSelect, SelectError } from '../select/select.ts';
import type { Field } from './field.ts';
import { readText } from './read-field.ts';

/** Messages quote paths. */
const MAX_PATH = 500;

/** Reads a JSONPath. */
export function readSelect(field: Field | undefined): string | undefined {
  const path = readText(field);
  if (field === undefined || path === undefined) {
    return undefined;
  }
  if (path.length > MAX_PATH) {
    field.report(`the path is longer than ${MAX_PATH} characters`);
    return undefined;
  }
  try {
    return compileSelect(path).path;
  } catch (error) {
    if (!(error instanceof SelectError)) {
      throw error;
    }
    field.report(`${field.shown} is not a JSONPath (RFC 9535): ${error.message}`);
    return undefined;
  }
}
