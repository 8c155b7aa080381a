import { type Answer, jsonAnswer } from '../http/answer.ts';
import { type Asked, jsonOf } from '../http/asked.ts';
import { chance } from '../http/chance.ts';
import type { Country } from './series.ts';

/** The `purpose` of a draw; see `chance`. */
const FOR_GRAPHQL = 4;

/**
 * `POST /graphql`: knows one query, `country(code: …)`, whose code is that of the variables `c` or
 * `code`. As usual with GraphQL, what is wrong is said in `errors` with the status 200.
 *
 * @param count number of earlier requests with the same variables
 */
export function graphqlAnswer(
  { body, dials }: Asked,
  countries: ReadonlyMap<string, Country>,
  count: number,
): Answer {
  const posted = jsonOf(body);
  if (typeof posted?.['query'] !== 'string') {
    return jsonAnswer(400, { errors: [{ message: 'the body must be JSON with a query' }] });
  }
  const code = codeIn(posted['variables']);
  if (code === undefined) {
    return failure('the variable c or code must be a country code', 'BAD_USER_INPUT');
  }
  const country = countries.get(code.toUpperCase());
  const seed = country?.seed ?? 0;
  if (chance(seed, count, FOR_GRAPHQL) < dials.graphqlErrors) {
    return failure('the upstream service did not answer', 'INTERNAL_SERVER_ERROR');
  }
  const found = country && { name: country.name, code: country.alpha2, slug: country.slug };
  return jsonAnswer(200, { data: { country: found ?? null } });
}

/** What the draws of a request depend on. */
export function graphqlSubject(body: string): string {
  return codeIn(jsonOf(body)?.['variables']) ?? '';
}

function failure(message: string, code: string): Answer {
  const errors = [{ message, path: ['country'], extensions: { code } }];
  return jsonAnswer(200, { data: null, errors });
}

function codeIn(variables: unknown): string | undefined {
  if (typeof variables !== 'object' || variables === null) {
    return undefined;
  }
  const { c, code = c } = variables as { c?: unknown; code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
