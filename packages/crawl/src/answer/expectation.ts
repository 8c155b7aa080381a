import type { Expectation } from '../model/plan.ts';
import { includesStatus } from '../model/status-ranges.ts';
import type { AnswerVerdict, FetchError } from '../outcome/outcome.ts';
import type { JsonDocument } from '../select/json-document.ts';
import { compileSelect, type Select } from '../select/select.ts';

/**
 * @param json the body, undefined if it is not JSON. It is read only if it decides
 */
export type Judge = (status: number, json: () => JsonDocument | undefined) => AnswerVerdict;

/**
 * Compiles `expect` once for all answers of a batch.
 *
 * @throws SelectError
 */
export function compileExpectation({ status: listed, has, hasNot }: Expectation): Judge {
  const wanted = has === undefined ? undefined : compileSelect(has);
  const unwanted = hasNot === undefined ? undefined : compileSelect(hasNot);
  return (status, json) => {
    const isListed = listed !== undefined && includesStatus(listed, status);
    if (status >= 400) {
      // A listed error is an answer as it is: "404: there is none" has no data.
      return { isListed, problem: undefined };
    }
    const problem =
      listed === undefined || isListed
        ? problemOfBody(json, wanted, unwanted)
        : { code: 'UNEXPECTED_STATUS', message: `status ${status} is not in expect.status` };
    return { isListed, problem };
  };
}

function problemOfBody(
  json: () => JsonDocument | undefined,
  wanted: Select | undefined,
  unwanted: Select | undefined,
): FetchError | undefined {
  const path = wanted?.path ?? unwanted?.path;
  if (path === undefined) {
    return undefined;
  }
  const document = json();
  if (document === undefined) {
    const key = wanted === undefined ? 'hasNot' : 'has';
    return { code: 'EXPECTED_JSON', message: `the body is not JSON (expect.${key}: ${path})` };
  }
  if (wanted?.finds(document) === false) {
    const message = `${wanted.path} is missing or null (expect.has)`;
    return { code: 'EXPECTED_PATH_MISSING', message };
  }
  if (unwanted?.finds(document) === true) {
    return { code: 'UNEXPECTED_PATH', message: `${unwanted.path} is there (expect.hasNot)` };
  }
  return undefined;
}
