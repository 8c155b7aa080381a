import type { Plan } from '../model/plan.ts';
import type { Field } from '../yaml/field.ts';
import { readBoolean } from '../yaml/read-field.ts';

/** Headers that make conditions of their own, or ask for a part of a body. */
const CONDITIONAL = [
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
] as const;

/** Whether only what has changed is to be fetched. */
export function readRevalidate(
  field: Field | undefined,
  {
    method,
    headers,
    paginate,
  }: Pick<Plan, 'method' | 'headers'> & { readonly paginate: Plan['paginate'] | undefined },
): boolean {
  if (field === undefined || readBoolean(field) !== true) {
    return false;
  }
  if (method === 'HEAD') {
    field.reportKey('the answer to HEAD has no body that could be compared');
  }
  if (paginate !== undefined) {
    field.reportKey(
      'cannot be combined with paginate: where a next page is may stand in the body of a page, ' +
        'which an answer without one does not have',
    );
  }
  const own = CONDITIONAL.find((name) => headers[name] !== undefined);
  if (own !== undefined) {
    field.reportKey(`cannot be combined with headers.${own}: workers set the conditions`);
  }
  return true;
}
