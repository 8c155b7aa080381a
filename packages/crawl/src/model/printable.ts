/*
 * Text that others have written may hold characters that do something instead of being seen: move
 * the cursor, colour or hide what follows, turn the direction of writing, end the line. All of them
 * are control characters (C0, C1), separators of lines, surrogates without a partner, or characters
 * that Unicode lets a font ignore: direction marks, zero-width ones, fillers, tags.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/**
 * The text as people may see it: characters that nobody sees become escapes such as `\u001b`. It is
 * one line, and only longer than before, so clean text before its width is measured and before it
 * is coloured. Cleaning twice is fine. JSON that is cleaned means what it meant.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** The same for text of several lines, such as a stack: they stay lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/**
 * The same for YAML: lines stay lines, and each character is one escape. Escapes mean characters
 * only between double quotes, so the text must have such characters nowhere else.
 */
export function printableYaml(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replaceAll(UNPRINTABLE, escapedInYaml))
    .join('\n');
}

function escapedInYaml(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
}

/** In UTF-16 units, as in JSON: `\udb40\udc01` for a character with two of them. */
function escaped(character: string): string {
  let escapes = '';
  for (let at = 0; at < character.length; at += 1) {
    escapes += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return escapes;
}
