import { randomUUID } from 'node:crypto';
import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Asked } from '../http/asked.ts';

/** What `POST /token` wants. They protect nothing. */
export const CLIENT = { id: 'sample', secret: 'sample-secret' } as const;

const MAX_TOKENS = 10_000;

interface Token {
  readonly expiresAtMs: number;
  usesLeft: number;
}

/**
 * A token server for OAuth 2 client credentials (RFC 6749, 4.4): the client names itself in the
 * form or with Basic authorization. What is under `/private/` wants one of its tokens.
 */
export class Tokens {
  readonly #tokens = new Map<string, Token>();
  readonly #now: () => number;
  #issued = 0;
  #refused = 0;

  /** @param now in epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `POST /token`. */
  issue({ body, headers, dials }: Asked): Answer {
    const form = new URLSearchParams(body);
    if (form.get('grant_type') !== 'client_credentials') {
      return jsonAnswer(400, { error: 'unsupported_grant_type' });
    }
    const basic = basicPair(headers.authorization);
    const [id, secret] = basic ?? [form.get('client_id'), form.get('client_secret')];
    if (id !== CLIENT.id || secret !== CLIENT.secret) {
      const answer = jsonAnswer(401, { error: 'invalid_client' });
      return { ...answer, headers: { 'www-authenticate': 'Basic realm="sample API"' } };
    }
    const token = randomUUID();
    const { expiresIn, uses = Number.POSITIVE_INFINITY } = dials;
    this.#tokens.set(token, { expiresAtMs: this.#now() + expiresIn * 1_000, usesLeft: uses });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) {
      this.#tokens.delete(oldest);
    }
    this.#issued += 1;
    const scope = form.get('scope');
    const answer = jsonAnswer(200, {
      access_token: token,
      token_type: 'Bearer',
      expires_in: expiresIn,
      ...(scope !== null && { scope }),
    });
    return { ...answer, headers: { 'cache-control': 'no-store' } };
  }

  /** @returns the answer to a request without a valid token, undefined to one that has it */
  refusal({ headers }: Pick<Asked, 'headers'>): Answer | undefined {
    const text = /^Bearer +(\S+)$/iu.exec(headers.authorization ?? '')?.[1];
    const token = text === undefined ? undefined : this.#tokens.get(text);
    if (token !== undefined && token.expiresAtMs > this.#now() && token.usesLeft > 0) {
      token.usesLeft -= 1;
      return undefined;
    }
    this.#refused += 1;
    const realm = 'Bearer realm="sample API"';
    const challenge = text === undefined ? realm : `${realm}, error="invalid_token"`;
    const error = text === undefined ? 'a token is wanted' : 'the token is unknown or has expired';
    return { ...jsonAnswer(401, { error }), headers: { 'www-authenticate': challenge } };
  }

  /** `GET /token`. */
  counts(): Answer {
    return jsonAnswer(200, { issued: this.#issued, refused: this.#refused });
  }
}

/** Both parts are form-encoded (RFC 6749, 2.3.1). */
function basicPair(authorization: string | undefined): [string, string] | undefined {
  const text = /^Basic +(\S+)$/iu.exec(authorization ?? '')?.[1];
  if (text === undefined) {
    return undefined;
  }
  const pair = Buffer.from(text, 'base64').toString();
  const at = pair.indexOf(':');
  return [formDecoded(pair.slice(0, at)), formDecoded(pair.slice(at + 1))];
}

function formDecoded(text: string): string {
  return new URLSearchParams(`x=${text}`).get('x') ?? '';
}
