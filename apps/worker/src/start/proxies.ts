import { type ProxyRoutes, ProxySettingError, readRoutes, shownProxy } from '@fetchfleet/fetcher';
import { SettingsError } from '@fetchfleet/service';

type Environment = Readonly<Record<string, string | undefined>>;

/** What all fetches of this worker go through. */
export interface WorkerProxy {
  readonly routes: ProxyRoutes;
  /** Hosts and ports, without credentials. */
  readonly shown: string;
}

/**
 * Reads `--proxy`.
 *
 * @returns undefined if fetches go to their origins directly
 * @throws SettingsError, which quotes no value: it may hold a password
 */
export function readWorkerProxy(setting: string, env: Environment): WorkerProxy | undefined {
  try {
    const routes = readRoutes(setting, env);
    if (routes === undefined) {
      return undefined;
    }
    const proxies = new Set([...routes.https, ...routes.http].map(shownProxy));
    return { routes, shown: [...proxies].join(', ') };
  } catch (error) {
    if (error instanceof ProxySettingError) {
      throw new SettingsError([`--proxy (FETCHFLEET_PROXY): ${error.message}`]);
    }
    throw error;
  }
}
