import type { IncomingMessage } from 'node:http';
import type { Answer, StreamedAnswer } from './answer.ts';
import { HttpError } from './http-error.ts';

/** A request whose path has found its route. */
export interface RouteCall<Viewer> {
  readonly request: IncomingMessage;
  readonly viewer: Viewer;
  /** Values of the placeholders of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

export interface Route<Viewer> {
  readonly method: 'GET' | 'POST';
  /** `/batches/{id}/records`, without the base and `/api`. */
  readonly path: string;
  handle(call: RouteCall<Viewer>): Promise<Answer | StreamedAnswer>;
}

/** Finds the route of a path. */
export class Router<Viewer> {
  readonly #routes: readonly { readonly route: Route<Viewer>; readonly parts: readonly string[] }[];

  constructor(routes: readonly Route<Viewer>[]) {
    this.#routes = routes.map((route) => ({ route, parts: partsOf(route.path) }));
  }

  /** @throws HttpError if there is no such route */
  find(
    method: string,
    path: string,
  ): { readonly route: Route<Viewer>; readonly params: Readonly<Record<string, string>> } {
    const found = this.#routes.flatMap(({ route, parts }) => {
      const params = match(parts, partsOf(path));
      return params === undefined ? [] : [{ route, params }];
    });
    if (found.length === 0) {
      throw new HttpError(404, 'NOT_FOUND', { message: 'there is nothing at this path' });
    }
    const wanted = method === 'HEAD' ? 'GET' : method;
    const [one] = found.filter(({ route }) => route.method === wanted);
    if (one === undefined) {
      const allow = found.map(({ route }) => route.method).join(', ');
      throw new HttpError(405, 'METHOD_UNFIT', {
        message: `use ${allow} here`,
        headers: { allow },
      });
    }
    return one;
  }
}

function partsOf(path: string): string[] {
  return path.split('/').slice(1);
}

function match(
  pattern: readonly string[],
  parts: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== parts.length) {
    return undefined;
  }
  const params: Record<string, string> = {};
  for (const [at, part] of parts.entries()) {
    const expected = pattern[at] ?? '';
    const [, name] = /^\{(\w+)\}$/u.exec(expected) ?? [];
    if (name !== undefined && part !== '') {
      params[name] = decoded(part);
    } else if (part !== expected) {
      return undefined;
    }
  }
  return params;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new HttpError(400, 'PATH_UNFIT', { message: 'the path has a wrong % in it', cause });
  }
}
