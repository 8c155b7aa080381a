/**
 * Version of all programs and packages, for `--version`, metrics and the User-Agent.
 * A test compares it with every package.json.
 */
export const VERSION = '0.1.0';
