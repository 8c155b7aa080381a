const REASONS: Readonly<Partial<Record<string, string>>> = {
  ENOENT: 'it does not exist',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
};

/** Why a file could not be read, for people. */
export function reasonOfFileError(error: unknown): string {
  const code = codeOf(error) ?? 'unknown reason';
  return REASONS[code] ?? code;
}

/** The `code` of what Node throws: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) {
    return undefined;
  }
  return typeof error.code === 'string' ? error.code : undefined;
}
