import { authorizationOf, type ResolveCredential } from '../access/authorization.ts';
import type { Method, Plan } from '../model/plan.ts';
import { compileTemplate } from './template.ts';
import { compileBody, contentTypeOf } from './compile-body.ts';
import { compileHeaders, type Headers } from './compile-headers.ts';

/** What is sent for the values of a fetch. Values have the order of the parameters of the plan. */
export interface RequestTemplate {
  readonly method: Method;
  /** The origin of every URL, if no parameter can change it. */
  readonly constantOrigin?: string;
  /** Whether each fetch carries an `Idempotency-Key` of its own. */
  readonly hasIdempotencyKey: boolean;
  /** The URL. */
  readonly expand: (values: readonly string[]) => string;
  /** By lower-case name. The same object for all fetches where no header has a placeholder. */
  readonly headersOf: (values: readonly string[]) => Headers;
  readonly bodyOf: (values: readonly string[]) => Buffer | undefined;
}

export interface RequestOptions {
  /** Sent unless the crawl file sets its own. @default none */
  readonly userAgent?: string;
  /** Puts the values of secrets into a text. @default their names stay */
  readonly resolve?: (text: string) => string;
  /** The same for texts that are encoded. @default `authorization` is one to show */
  readonly credential?: ResolveCredential;
}

type RequestPlan = Pick<
  Plan,
  'url' | 'method' | 'params' | 'headers' | 'body' | 'idempotencyKey' | 'auth'
>;

/** Methods that change something each time they are sent. */
const NOT_IDEMPOTENT: ReadonlySet<Method> = new Set(['POST', 'PATCH']);

const NO_BODY = (): undefined => undefined;

/**
 * Compiles the request of a batch, once for all its fetches.
 *
 * @throws TemplateError for a URL that is no template
 */
export function compileRequest(plan: RequestPlan, options: RequestOptions = {}): RequestTemplate {
  const { url, method = 'GET', params, headers, body, idempotencyKey, auth } = plan;
  const { userAgent, resolve = (text: string) => text, credential } = options;
  const { expand, constantOrigin } = compileTemplate(url, params);
  const order = new Map(params.map((name, at) => [name, at]));
  const authorization = authorizationOf(auth, credential);
  const added = {
    ...(userAgent !== undefined && { 'user-agent': userAgent }),
    ...(body !== undefined && { 'content-type': contentTypeOf(body) }),
    ...(authorization !== undefined && { authorization }),
  };
  return {
    method,
    ...(constantOrigin !== undefined && { constantOrigin }),
    hasIdempotencyKey:
      NOT_IDEMPOTENT.has(method) &&
      idempotencyKey !== false &&
      headers['idempotency-key'] === undefined,
    expand,
    headersOf: compileHeaders(headers, { added, order, resolve }),
    bodyOf: body === undefined ? NO_BODY : compileBytes(compileBody(body, order)),
  };
}

function compileBytes(body: ReturnType<typeof compileBody>): (values: readonly string[]) => Buffer {
  if (typeof body !== 'string') {
    return (values) => Buffer.from(body(values));
  }
  const bytes = Buffer.from(body);
  return () => bytes;
}
