import { isBatchId } from '../../model/batch-id.ts';
import type { ParameterSource } from '../../model/plan.ts';
import type { Field } from '../../yaml/field.ts';
import { BLANKS } from './list-rules.ts';
import { readBoolean, readChoice, readText } from '../../yaml/read-field.ts';
import { readSelect } from '../../yaml/read-select.ts';

export const BATCH_KEYS = ['batch', 'select', 'unique', 'blank'] as const;

/** Reads `{ batch, select, unique }`: values out of the records of an earlier batch. */
export function readBatchValues(
  name: string,
  field: Field,
  at: (key: (typeof BATCH_KEYS)[number]) => Field | undefined,
): ParameterSource | undefined {
  if (at('batch') === undefined || at('select') === undefined) {
    field.report('values of a batch need both: { batch: name, select: "$.items[*].id" }');
    return undefined;
  }
  const batch = readText(at('batch'));
  const select = readSelect(at('select'));
  const isUnique = readBoolean(at('unique')) ?? false;
  const blank = readChoice(at('blank'), BLANKS) ?? 'refuse';
  if (batch !== undefined && !isBatchId(batch)) {
    at('batch')?.report(`${at('batch')?.shown} is neither the id of a batch nor a name of crawls`);
  }
  return batch === undefined || select === undefined
    ? undefined
    : {
        name,
        kind: 'batch',
        batch,
        select,
        ...(isUnique && { unique: true }),
        ...(blank !== 'refuse' && { blank }),
      };
}
