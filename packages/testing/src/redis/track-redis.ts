import { track } from '../resources/registry.ts';

/** What a client of Redis has, of one server or of a cluster. */
interface Client {
  readonly status: string;
  disconnect(): void;
}

/**
 * Registers a client with the leak guard. One that tries to reconnect is open: it keeps the process
 * of the tests alive for ever.
 *
 * @param what for messages
 * @param close what else ends with it. @default disconnects it
 */
export function trackRedis(
  redis: Client,
  what: string,
  close: () => Promise<void> = async () => redis.disconnect(),
): void {
  track({ what, isOpen: () => redis.status !== 'end', close });
}
