import { type ClientCredentials, resolveCredential } from '@fetchfleet/crawl';

/** A client with its secrets: never log or store it. */
export interface Client extends Omit<ClientCredentials, 'style'> {
  readonly isInForm: boolean;
}

/** @throws SecretError */
export function clientOf(
  { clientId, clientSecret, style, ...rest }: ClientCredentials,
  values: Readonly<Record<string, string | undefined>>,
): Client {
  return {
    ...rest,
    clientId: resolveCredential(clientId, values),
    clientSecret: resolveCredential(clientSecret, values),
    isInForm: style === 'form',
  };
}
