import { takeFromSetup } from './global-state.ts';

/** Jest's global teardown: stops the Redis that the global setup started. */
export default async function globalTeardown(): Promise<void> {
  await takeFromSetup()?.stop();
}
