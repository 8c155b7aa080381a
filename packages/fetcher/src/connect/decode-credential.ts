/** The text of a user or a password in a URL. */
export function decodeCredential(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that starts no escape is a plain character.
    return text;
  }
}
