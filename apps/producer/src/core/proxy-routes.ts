import type { ProxyRoutes } from '@fetchfleet/fetcher';
import { SettingsError } from '@fetchfleet/service';
import type { Context } from './context.ts';

/**
 * What requests of this machine go through: the same setting as for workers.
 *
 * @throws SettingsError, which quotes no value: it may hold a password
 */
export async function proxyRoutes(env: Context['env']): Promise<ProxyRoutes | undefined> {
  const { ProxySettingError, readRoutes } = await import('@fetchfleet/fetcher');
  try {
    return readRoutes(env['FETCHFLEET_PROXY'] ?? '', env);
  } catch (error) {
    if (error instanceof ProxySettingError) {
      throw new SettingsError([`FETCHFLEET_PROXY: ${error.message}`]);
    }
    throw error;
  }
}
