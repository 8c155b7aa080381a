const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'] as const;

/** The variables that name a proxy for other programs. Fetches do not use proxies. */
export function ignoredProxies(
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return VARIABLES.flatMap((name) => [name, name.toLowerCase()]).filter(
    (name) => (env[name] ?? '') !== '',
  );
}
