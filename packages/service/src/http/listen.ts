import type { Server } from 'node:http';
import { SettingsError } from '../process/settings.ts';
import { toError } from '@fetchfleet/crawl';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; choose another one, or 0 for any that is free',
  EACCES: 'not permitted; choose a port above 1023',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'this host name does not resolve',
};

export interface ListenAddress {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** The setting of the port, which the error names. @default none */
  readonly setting?: string | undefined;
}

/**
 * Starts to listen.
 *
 * @returns the port
 * @throws SettingsError where the address cannot be used
 */
export async function listen(
  server: Server,
  { port, host, setting }: ListenAddress,
): Promise<number> {
  try {
    await bound(server, { port, host });
  } catch (thrown) {
    const cause = toError(thrown);
    const code = 'code' in cause ? String(cause.code) : '';
    const reason = REASONS[code] ?? cause.message;
    const what = `cannot listen on ${host}:${port}: ${reason}`;
    throw new SettingsError([setting === undefined ? what : `${setting}: ${what}`], { cause });
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function bound(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
