/*
 * Spreadsheets, web pages and mails leave characters at the ends of values that nobody sees: blanks
 * of all kinds, zero-width characters, direction marks, soft hyphens, control characters, and byte
 * order marks where files were joined. All of them are one UTF-16 unit long.
 */

const INVISIBLE = /[\s\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f]/u;

/** Removes invisible characters from both ends. Those inside stay: they may join letters. */
export function trimInvisible(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isInvisible(text, start)) {
    start++;
  }
  while (end > start && isInvisible(text, end - 1)) {
    end--;
  }
  return text.slice(start, end);
}

/** Called for every value of a list. Most are visible ASCII. */
function isInvisible(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code <= 0x20 || code >= 0x7f) && INVISIBLE.test(text.charAt(at));
}
