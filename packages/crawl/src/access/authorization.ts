import type { Plan } from '../model/plan.ts';
import { originOf } from '../model/url.ts';

/** Puts the values of secrets into a text that is encoded before it is sent. */
export type ResolveCredential = (text: string) => string;

/**
 * The value of `authorization` that `auth` stands for, secrets as names unless it is Basic.
 *
 * @param credential without it the value is one to show
 * @returns undefined if there is none, or if it is a token that has to be fetched first
 */
export function authorizationOf(
  auth: Plan['auth'],
  credential: ResolveCredential | undefined,
): string | undefined {
  if (auth === undefined) {
    return undefined;
  }
  if ('bearer' in auth) {
    return `Bearer ${auth.bearer}`;
  }
  if ('basic' in auth) {
    const { user, password } = auth.basic;
    return credential === undefined
      ? `Basic ${user}:${password}`
      : basicAuthorization(credential(user), credential(password));
  }
  return credential === undefined
    ? `Bearer <a token of ${originOf(auth.oauth2.tokenUrl)}>`
    : undefined;
}

/** RFC 7617. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
