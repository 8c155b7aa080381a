import type { parse } from 'uri-template';
import { prefixOf } from './template-expression.ts';

type Parts = ReturnType<typeof parse>['ast']['parts'];
type Expression = Extract<Parts[number], { type: 'expression' }>;

/** A segment of the path in which nothing but dots stands beside variables. */
interface Segment {
  /** Dots of the template itself. */
  dots: number;
  /** Whether `{+x}` stands at one of its ends, whose value may be empty or have a `/` there. */
  isOpen: boolean;
  /** Whether something else stands in it: it is no dot segment then, whatever the values are. */
  isSafe: boolean;
  /** Its variables, apart from those of `{+x}`. */
  readonly variables: { readonly name: string; readonly length: number }[];
}

/** Says what is wrong with the value of a variable; undefined if it can stand in the URL. */
export type ValueCheck = (value: string) => string | undefined;

const AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * The check of every variable that can make a segment of the path `.` or `..`. A URL loses such
 * segments, and with `..` the one before: it would be another URL than its template says. `{+x}` is
 * free to, because it stands for parts of a path.
 */
export function dotSegmentChecks(parts: Parts): ReadonlyMap<string, ValueCheck> {
  const checks = new Map<string, ValueCheck>();
  for (const segment of segmentsOf(parts).filter(({ isSafe }) => !isSafe)) {
    for (const { name, length } of segment.variables) {
      const before = checks.get(name);
      checks.set(name, (value) => before?.(value) ?? problemOf(segment, { name, length }, value));
    }
  }
  return checks;
}

/**
 * With other variables in the segment this refuses a little too much: what the value would do if
 * the others were empty.
 */
function problemOf(
  { dots, isOpen }: Segment,
  { name, length }: Segment['variables'][number],
  value: string,
): string | undefined {
  if (value !== '' && !value.startsWith('.')) {
    return undefined;
  }
  const text = prefixOf(value, length);
  const total = (isOpen ? 0 : dots) + text.length;
  if (!/^\.*$/.test(text) || total < 1 || total > 2) {
    return undefined;
  }
  return (
    `${JSON.stringify(value)} makes "${'.'.repeat(total)}" a segment of the path, which leads to ` +
    `another URL; if that is meant, write {+${name}} in the template`
  );
}

function segmentsOf(parts: Parts): readonly Segment[] {
  const reader = new PathReader();
  for (const part of parts) {
    if (part.type === 'literal') {
      reader.readLiteral(part.value);
    } else {
      reader.readExpression(part);
    }
  }
  return reader.segments;
}

/** Reads a template up to the end of its path. */
class PathReader {
  #at: 'start' | 'authority' | 'path' | 'over' = 'start';
  #segment = newSegment();
  readonly segments: Segment[] = [this.#segment];

  readLiteral(text: string): void {
    let rest = text;
    if (this.#at === 'start') {
      this.#at = AUTHORITY.test(text) ? 'authority' : 'path';
      rest = text.replace(AUTHORITY, '');
    }
    for (const piece of rest.split(/(?=[/?#])/)) {
      this.#readPiece(piece);
    }
  }

  readExpression({ operator, variables }: Expression): void {
    if (this.#at === 'start') {
      this.#at = 'path';
    }
    if (operator === '?' || operator === '#') {
      this.#at = 'over';
    }
    if ((operator === '/' || operator === '+') && this.#at === 'authority') {
      this.#at = 'path';
    }
    if (this.#at !== 'path') {
      return;
    }
    for (const [position, { name, modifier }] of variables.entries()) {
      if (operator === '+') {
        this.#readReserved();
      } else {
        this.#readSeparator(operator, position);
        const length = modifier?.type === 'substr' ? modifier.length : Number.POSITIVE_INFINITY;
        this.#segment.variables.push({ name, length });
      }
    }
  }

  /** What follows may be in the same segment or in another one. */
  #readReserved(): void {
    this.#segment.isOpen = true;
    this.#begin();
    this.#segment.isOpen = true;
  }

  /** What the template puts before a variable. */
  #readSeparator(operator: Expression['operator'], position: number): void {
    if (operator === '/') {
      this.#begin();
    } else if (operator === '.') {
      this.#segment.dots += 1;
    } else if (operator === ';' || operator === '&' || position > 0) {
      this.#segment.isSafe = true;
    }
  }

  /** @param piece begins with its delimiter, if it has one */
  #readPiece(piece: string): void {
    if (piece.startsWith('?') || piece.startsWith('#')) {
      this.#at = 'over';
    }
    if (piece.startsWith('/') && this.#at !== 'over') {
      this.#at = 'path';
      this.#begin();
    }
    if (this.#at !== 'path') {
      return;
    }
    const text = piece.replace(/^\//, '').replaceAll(/%2e/gi, '.');
    if (/^\.*$/.test(text)) {
      this.#segment.dots += text.length;
    } else {
      this.#segment.isSafe = true;
    }
  }

  #begin(): void {
    this.#segment = newSegment();
    this.segments.push(this.#segment);
  }
}

function newSegment(): Segment {
  return { dots: 0, isOpen: false, isSafe: false, variables: [] };
}
