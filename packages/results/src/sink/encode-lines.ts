/**
 * Most characters encoded per write: a few milliseconds of work. It also bounds the memory for the
 * encoded copy of a large append.
 */
const CHUNK_CHARACTERS = 1024 * 1024;

/** The bytes of the lines, each with a line end. */
export function* encodeLines(lines: readonly string[]): Generator<Buffer> {
  let first = 0;
  let characters = 0;
  for (const [position, line] of lines.entries()) {
    characters += line.length;
    if (characters < CHUNK_CHARACTERS && position < lines.length - 1) {
      continue;
    }
    // One text with all line ends is encoded in half the time of one that gets its last one later.
    yield* encodeText([...lines.slice(first, position + 1), ''].join('\n'));
    first = position + 1;
    characters = 0;
  }
}

/** One line may be much longer than a chunk. */
function* encodeText(text: string): Generator<Buffer> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + CHUNK_CHARACTERS, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) {
      // Half of a pair of surrogates would be lost.
      end += 1;
    }
    yield Buffer.from(text.slice(at, end));
    at = end;
  }
}
