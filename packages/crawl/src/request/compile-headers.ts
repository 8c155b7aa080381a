import { compilePieces, parsePieces } from './placeholders.ts';

export type Headers = Readonly<Record<string, string>>;

export interface HeaderOptions {
  /** What is sent besides, unless the crawl file has it: texts in which `{{` is no placeholder. */
  readonly added: Headers;
  /** The place of every parameter among the values of a fetch. */
  readonly order: ReadonlyMap<string, number>;
  /**
   * Puts the values of secrets into a text. It sees what the crawl file says, and neither values of
   * parameters nor what a secret and its surroundings make together.
   */
  readonly resolve: (text: string) => string;
}

/**
 * The headers of a fetch as a function of its values. Without placeholders they are one object for
 * all fetches.
 */
export function compileHeaders(
  headers: Headers,
  { added, order, resolve }: HeaderOptions,
): (values: readonly string[]) => Headers {
  const encoding = { literal: resolve, value: (value: string) => value };
  const compiled = [
    ...Object.entries(added).map(([name, text]) => [name, resolve(text)] as const),
    ...Object.entries(headers).map(
      ([name, text]) => [name, compilePieces(parsePieces(text), order, encoding)] as const,
    ),
  ];
  const changing = compiled.flatMap(([name, template]) =>
    typeof template === 'string' ? [] : [[name, template] as const],
  );
  const constant = Object.fromEntries(
    compiled.map(([name, template]) => [name, typeof template === 'string' ? template : '']),
  );
  if (changing.length === 0) {
    return () => constant;
  }
  return (values) => {
    const expanded = { ...constant };
    for (const [name, template] of changing) {
      expanded[name] = template(values);
    }
    return expanded;
  };
}
