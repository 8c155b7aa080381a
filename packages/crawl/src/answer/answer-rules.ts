import type { Keep, Plan } from '../model/plan.ts';
import type { AnswerVerdict, FetchResponse, Outcome } from '../outcome/outcome.ts';
import type { JsonDocument } from '../select/json-document.ts';
import { compileSelect, type Select } from '../select/select.ts';
import { compileExpectation, type Judge } from './expectation.ts';
import { keptHeaders } from './kept-headers.ts';
import { readJson } from './read-json.ts';

/** What a record keeps of an answer. */
export interface KeptAnswer {
  readonly headers?: Readonly<Record<string, string>>;
  /** What takes the place of the body. @default the body as it came */
  readonly body?: KeptBody;
}

/** The body is left out, or is so many selected values as one JSON text: none if there are none. */
type KeptBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'selected'; readonly count: number; readonly json: string | undefined };

/** What `expect` and `keep` of a crawl file say of answers. */
interface Rules {
  readonly judge: Judge | undefined;
  readonly keep: Keep;
  readonly select: Select | undefined;
  /** Values of secrets: no kept header may repeat them. */
  readonly secrets: () => readonly string[];
}

/** Reads an answer by the rules of its batch. */
export type AnswerReader = (response: FetchResponse) => Answer;

/**
 * Compiles the rules once for all answers of a batch. Undefined if the crawl file has none: its
 * answers cost nothing more then.
 *
 * @param secrets gives the values of secrets: no kept header may repeat them
 * @throws SelectError
 */
export function compileAnswerRules(
  { expect, keep = {} }: Pick<Plan, 'expect' | 'keep'>,
  secrets: () => readonly string[],
): AnswerReader | undefined {
  if (expect === undefined && Object.keys(keep).length === 0) {
    return undefined;
  }
  const rules = {
    judge: expect && compileExpectation(expect),
    keep,
    select: keep.select === undefined ? undefined : compileSelect(keep.select),
    secrets,
  };
  return (response) => new Answer(response, rules);
}

/** An answer, what the rules say of it, and what its record keeps. */
export class Answer {
  readonly verdict: AnswerVerdict | undefined;
  readonly #response: FetchResponse;
  readonly #rules: Rules;
  #json: { readonly document: JsonDocument | undefined } | undefined;

  constructor(response: FetchResponse, rules: Rules) {
    this.#response = response;
    this.#rules = rules;
    this.verdict = rules.judge?.(response.status, () => this.json);
  }

  /** The body, read once for all paths; undefined if it is not JSON. */
  get json(): JsonDocument | undefined {
    this.#json ??= { document: readJson(this.#response) };
    return this.#json.document;
  }

  /** Failed answers keep their whole body: it says what went wrong. */
  kept(outcome: Outcome): KeptAnswer {
    const { keep, secrets } = this.#rules;
    const body = outcome === 'ok' ? this.#keptBody() : undefined;
    return {
      ...(keep.headers !== undefined && {
        headers: keptHeaders(this.#response.headers, keep.headers, secrets()),
      }),
      ...(body !== undefined && { body }),
    };
  }

  /** What is not JSON is kept as it came: nothing is lost, and the record shows it. */
  #keptBody(): KeptBody | undefined {
    const { keep, select } = this.#rules;
    if (keep.body === 'none') {
      return { kind: 'none' };
    }
    const texts = select === undefined || this.json === undefined ? undefined : select(this.json);
    if (select === undefined || texts === undefined) {
      return undefined;
    }
    const [first] = texts;
    // A path that can select several values gives a list of one as well: whether the body is a list
    // depends on the path and not on the answer.
    const json = select.isSingular || first === undefined ? first : `[${texts.join(',')}]`;
    return { kind: 'selected', count: texts.length, json };
  }
}
