export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that were given, or those of the process. */
export function environmentOf(given: Environment | undefined): Environment {
  // oxlint-disable-next-line node/no-process-env -- the default, and nowhere else
  return given ?? process.env;
}
