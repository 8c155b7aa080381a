import { repeatsSecret } from '../access/secrets.ts';
import type { Plan } from '../model/plan.ts';
import type { FetchError, FetchResponse } from '../outcome/outcome.ts';
import { compileIdentity, type IdentityPlan, type RequestIdentity } from './request-identity.ts';
import {
  isEtag,
  isHttpDate,
  isSameEtag,
  type KnownAnswer,
  readVary,
  type Validators,
} from './validators.ts';

const NOT_MODIFIED = 304;

type RevalidationPlan = IdentityPlan & Pick<Plan, 'revalidate'>;

/**
 * Compiles what a batch does to fetch only what has changed; undefined if it does not: its fetches
 * cost nothing more then.
 *
 * @param secrets gives the values of secrets: no record may repeat them
 */
export function compileRevalidation(
  plan: RevalidationPlan,
  secrets: () => readonly string[],
): Revalidation | undefined {
  return plan.revalidate === true ? new Revalidation(plan, secrets) : undefined;
}

/** What was asked for and what came, of one fetch. */
export interface Revalidated {
  readonly values: readonly string[];
  readonly response: FetchResponse;
  readonly known: KnownAnswer | undefined;
}

/** Asks whether answers have changed, and reads what origins say about it. */
export class Revalidation {
  readonly #identity: RequestIdentity;
  readonly #isGet: boolean;
  readonly #secrets: () => readonly string[];

  constructor(plan: IdentityPlan, secrets: () => readonly string[]) {
    this.#identity = compileIdentity(plan);
    this.#isGet = plan.method === undefined || plan.method === 'GET';
    this.#secrets = secrets;
  }

  /** The headers that ask for an answer only if it has changed; undefined if none can. */
  conditionsOf(known: KnownAnswer | undefined): Readonly<Record<string, string>> | undefined {
    if (known === undefined || !this.#isGet) {
      return undefined;
    }
    const { etag, lastModified } = known;
    if (etag === undefined && lastModified === undefined) {
      return undefined;
    }
    return {
      ...(etag !== undefined && { 'if-none-match': etag }),
      ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
    };
  }

  /** What is wrong with a 304; undefined if it says that the known answer still holds. */
  problemOf(
    { status, headers, finalUrl }: FetchResponse,
    known: KnownAnswer | undefined,
  ): FetchError | undefined {
    if (status !== NOT_MODIFIED) {
      return undefined;
    }
    const isAsked = this.conditionsOf(known) !== undefined;
    // Redirects do not carry conditions on.
    if (!isAsked || finalUrl !== undefined) {
      return {
        code: 'NOT_MODIFIED_UNASKED',
        message: 'the origin answered 304 without being asked',
      };
    }
    const etag = headers['etag'] ?? '';
    const isOther = known?.etag !== undefined && isEtag(etag) && !isSameEtag(etag, known.etag);
    return isOther
      ? { code: 'NOT_MODIFIED_OTHER', message: 'the origin answered 304 for another ETag' }
      : undefined;
  }

  /** What the record of a success says; undefined if that is nothing. @param hash of the body */
  validatorsOf({ values, response, known }: Revalidated, hash: string): Validators | undefined {
    const { status, headers, finalUrl } = response;
    const isConfirmed = status === NOT_MODIFIED && known !== undefined;
    if (!isConfirmed && (status < 200 || status > 299)) {
      return undefined;
    }
    const sent = this.#headerValidators(headers);
    const before = isConfirmed ? known : undefined;
    const names = this.#varyOf(headers, before);
    const request = this.#identity.requestOf(values);
    // What a redirect led to may be something else next time, with the same ETag or an older date.
    if (names === undefined || finalUrl !== undefined) {
      return { request, hash };
    }
    return {
      request,
      hash,
      etag: sent.etag ?? before?.etag,
      lastModified: sent.lastModified ?? before?.lastModified,
      vary: names === '' ? undefined : { names, hash: this.#identity.variantOf(values, names) },
    };
  }

  /** Undefined if the header cannot be used. What a 304 leaves out holds on. */
  #varyOf({ vary }: FetchResponse['headers'], before: KnownAnswer | undefined): string | undefined {
    if (vary === undefined) {
      return before?.vary ?? '';
    }
    return repeatsSecret(vary, this.#secrets()) ? undefined : readVary(vary);
  }

  #headerValidators(headers: FetchResponse['headers']): Pick<Validators, 'etag' | 'lastModified'> {
    const { etag = '', 'last-modified': lastModified = '' } = headers;
    const secrets = this.#secrets();
    return {
      etag: isEtag(etag) && !repeatsSecret(etag, secrets) ? etag : undefined,
      lastModified: isHttpDate(lastModified) ? lastModified : undefined,
    };
  }
}
