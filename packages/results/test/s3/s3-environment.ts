import type { S3Server } from '@fetchfleet/testing';

/**
 * The SDK looks for credentials in the environment of the process, and nowhere else while it finds
 * them there.
 */
export function useCredentials({ env }: Pick<S3Server, 'env'>, attempts = 3): void {
  Object.assign(process.env, env, { AWS_MAX_ATTEMPTS: String(attempts) });
}
