import type { IncomingMessage } from 'node:http';
import type { Gatekeeper } from '../access/gatekeeper.ts';
import { type Viewer, viewerOf } from '../access/viewer.ts';
import type { Answer, StreamedAnswer } from '../http/answer.ts';
import { HttpError } from '../http/http-error.ts';
import { type Route, Router } from '../http/router.ts';
import { INDEX, type StaticFiles } from '../http/static-files.ts';
import type { HealthPaths } from './health.ts';

export interface SiteOptions {
  /** Without a slash at its end. */
  readonly base: string;
  readonly trustProxy: boolean;
  readonly gatekeeper: Gatekeeper;
  readonly files: StaticFiles;
  readonly health: HealthPaths;
  /** What the page shows first, to those who know the token. */
  readonly given: () => Promise<unknown>;
  /** For everybody. */
  readonly openRoutes: readonly Route<Viewer>[];
  /** For those who know the token. */
  readonly routes: readonly Route<Viewer>[];
}

/** Finds who answers a request, after the gatekeeper has let it in. */
export class Site {
  readonly #options: SiteOptions;
  readonly #open: Router<Viewer>;
  readonly #guarded: Router<Viewer>;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#open = new Router(options.openRoutes);
    this.#guarded = new Router(options.routes);
  }

  async handle(request: IncomingMessage): Promise<Answer | StreamedAnswer> {
    const { gatekeeper, base, trustProxy } = this.#options;
    const [path = '', search = ''] = splitUrl(request.url ?? '/');
    const health = await this.#options.health.find(path);
    if (health !== undefined) {
      checkRead(request);
      return health;
    }
    gatekeeper.checkHost(request);
    if (base !== '' && path === base) {
      return { status: 308, headers: { location: `${base}/` }, body: '' };
    }
    if (!path.startsWith(`${base}/`)) {
      throw notFound();
    }
    const inside = path.slice(base.length);
    const viewer = viewerOf(request, trustProxy);
    if (!inside.startsWith('/api/')) {
      checkRead(request);
      return this.#outsideApi(inside, search) ?? this.#page(request, viewer);
    }
    const method = request.method ?? 'GET';
    const apiPath = inside.slice('/api'.length);
    const isOpen = this.#options.openRoutes.some((route) => route.path === apiPath);
    if (!isOpen) {
      gatekeeper.checkViewer(request, viewer);
    }
    const router = isOpen ? this.#open : this.#guarded;
    const { route, params } = router.find(method, apiPath);
    return route.handle({ request, viewer, params, query: new URLSearchParams(search) });
  }

  /** A file of the page, or the way to a view; undefined for the page. @throws HttpError */
  #outsideApi(path: string, search: string): Answer | undefined {
    if (path === '/' || path === INDEX) {
      return undefined;
    }
    const answer = this.#options.files.find(path) ?? redirectToView(path, search);
    if (answer === undefined) {
      throw notFound();
    }
    return answer;
  }

  /** The page itself, with what it shows first for those who may see it. */
  async #page(request: IncomingMessage, viewer: Viewer): Promise<Answer> {
    const { gatekeeper, files, given } = this.#options;
    try {
      gatekeeper.checkViewer(request, viewer);
    } catch {
      return files.page(); // it asks for the token
    }
    return files.page(await given());
  }
}

/** What the first part of the path to a view may be. The page has them behind `#`. */
const VIEWS: ReadonlySet<string | undefined> = new Set([
  'batches',
  'records',
  'origins',
  'workers',
  'schedules',
  'new',
]);

/**
 * Somebody has left out the `#` before a view. The way there is relative: a proxy may have taken
 * the beginning of the path away.
 */
function redirectToView(path: string, search: string): Answer | undefined {
  const [, view, ...others] = path.split('/');
  if (!VIEWS.has(view)) {
    return undefined;
  }
  const root = others.length === 0 ? './' : '../'.repeat(others.length);
  const location = `${root}#${path}${search === '' ? '' : `?${search}`}`;
  return { status: 302, headers: { location }, body: '' };
}

/** @throws HttpError where nothing can be changed */
function checkRead({ method }: IncomingMessage): void {
  if (method !== 'GET' && method !== 'HEAD') {
    throw new HttpError(405, 'METHOD_UNFIT', {
      message: 'use GET here',
      headers: { allow: 'GET, HEAD' },
    });
  }
}

/** Path and query. A proxy may be asked for a whole URL; this server is none. */
function splitUrl(url: string): readonly string[] {
  if (!url.startsWith('/')) {
    throw new HttpError(400, 'PATH_UNFIT', { message: 'the path must begin with a slash' });
  }
  const at = url.indexOf('?');
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}

function notFound(): HttpError {
  return new HttpError(404, 'NOT_FOUND', { message: 'there is nothing at this path' });
}
