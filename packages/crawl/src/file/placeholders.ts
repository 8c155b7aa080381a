import { suggestion } from '../model/suggestion.ts';
import { parsePieces, type Piece } from '../request/placeholders.ts';
import type { Field } from '../yaml/field.ts';

const MISPLACED =
  '"{{" begins no placeholder such as {{name}} or {{name|json}}; ' +
  'two braces that are meant as they are are written {{"{{"}}';

/** Why `{{name|json}}` cannot stand in a text; undefined if it can. */
export type JsonRule = (pieces: readonly Piece[]) => string | undefined;

/**
 * Checks the placeholders of a text. Messages quote nothing but names: the rest of a header may be
 * a credential.
 *
 * @param params the names of all parameters
 */
export function checkPlaceholders(
  field: Field,
  text: string,
  { params, jsonRule }: { readonly params: readonly string[]; readonly jsonRule: JsonRule },
): void {
  let isMisplaced = false;
  const pieces = parsePieces(text, () => (isMisplaced = true));
  if (isMisplaced) {
    field.report(MISPLACED);
  }
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      continue;
    }
    if (!params.includes(piece.name)) {
      field.report(
        `{{${piece.name}}} is not a parameter under params${suggestion(piece.name, params)}`,
      );
    }
    const problem = piece.isJson ? jsonRule(pieces) : undefined;
    if (problem !== undefined) {
      field.report(`{{${piece.name}|json}} ${problem}; for a text write {{${piece.name}}}`);
    }
  }
}
