/** A place in a text of the crawl file for the value of a parameter. */
export interface Placeholder {
  readonly name: string;
  /** Whether it is written `{{name|json}}`: the value is JSON, not a text. */
  readonly isJson: boolean;
  /** As it is written. */
  readonly source: string;
}

/** A part of a text: one that is sent as it is, or a placeholder. */
export type Piece = string | Placeholder;

/** The values of one fetch to a text; a plain text where no value makes a difference. */
export type TextTemplate = string | ((values: readonly string[]) => string);

const OPENING = '{{';
/** Two braces that are meant as they are. */
const ESCAPED = '{{"{{"}}';
/** The name is a varname of RFC 6570, as in URLs. */
const PLACEHOLDER = /\{\{ *([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*) *(\| *json *)?\}\}/y;

/**
 * Splits a text at its placeholders. Braces that begin none stay in the text, because version 0.1
 * sent them so: whoever reads a crawl file refuses them with `onMisplaced`.
 */
export function parsePieces(text: string, onMisplaced?: () => void): readonly Piece[] {
  const pieces: Piece[] = [];
  let literal = '';
  let at = 0;
  for (let next = text.indexOf(OPENING); next !== -1; next = text.indexOf(OPENING, at)) {
    literal += text.slice(at, next);
    PLACEHOLDER.lastIndex = next;
    const [source, name, json] = PLACEHOLDER.exec(text) ?? [];
    if (source !== undefined && name !== undefined) {
      pieces.push(...(literal === '' ? [] : [literal]), {
        name,
        isJson: json !== undefined,
        source,
      });
      literal = '';
      at = next + source.length;
    } else {
      const isEscaped = text.startsWith(ESCAPED, next);
      if (!isEscaped) {
        onMisplaced?.();
      }
      literal += OPENING;
      at = next + (isEscaped ? ESCAPED : OPENING).length;
    }
  }
  literal += text.slice(at);
  return literal === '' ? pieces : [...pieces, literal];
}

/** Whether values of parameters make a difference to a text. */
export function hasPlaceholder(text: string): boolean {
  return parsePieces(text).some((piece) => typeof piece === 'object');
}

export interface PieceEncoding {
  /** Of what is sent as it is. */
  readonly literal: (text: string) => string;
  readonly value: (value: string, isJson: boolean) => string;
}

/**
 * Puts pieces together. A value is never searched for placeholders or secrets: it cannot become
 * more than the value that it is.
 *
 * @param order the place of a parameter among the values. Other names stay as they are written
 */
export function compilePieces(
  pieces: readonly Piece[],
  order: ReadonlyMap<string, number>,
  { literal, value }: PieceEncoding,
): TextTemplate {
  const parts = pieces.map((piece) => {
    if (typeof piece === 'string') {
      return literal(piece);
    }
    const at = order.get(piece.name);
    return at === undefined ? literal(piece.source) : { at, isJson: piece.isJson };
  });
  return joinParts(
    parts.map((part) =>
      typeof part === 'string'
        ? part
        : (values: readonly string[]) => value(values[part.at] ?? '', part.isJson),
    ),
  );
}

/** Joins templates; a plain text if all of them are. */
export function joinParts(parts: readonly TextTemplate[]): TextTemplate {
  if (parts.every((part) => typeof part === 'string')) {
    return parts.join('');
  }
  return (values) => {
    let text = '';
    for (const part of parts) {
      text += typeof part === 'string' ? part : part(values);
    }
    return text;
  };
}
