import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Answer, json, NO_STORE } from './answer.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
};
export const INDEX = '/index.html';
/** `index-B3f9x0a1.js`: another content has another name. */
const HASHED = /[-.][\w-]{8,}\.\w+$/u;
/** A shorter file is not worth the work of the browser. */
const LEAST_GZIP = 1_024;

/**
 * The built page. All of its files are read at the start, and only these are ever served: no path
 * of a request reaches the file system.
 */
export class StaticFiles {
  readonly #files: ReadonlyMap<string, Answer>;

  /** @param folder of the built page; it may be missing */
  constructor(folder: string) {
    const paths = filesIn(folder);
    this.#files = new Map(
      paths.map((path) => [path, answerOf(path, readFileSync(join(folder, path)))]),
    );
  }

  get isBuilt(): boolean {
    return this.#files.has(INDEX);
  }

  /** @param path without the base, decoded. @returns undefined if there is no such file */
  find(path: string): Answer | undefined {
    return this.#files.get(path);
  }

  /**
   * The page itself. Its addresses are relative to its own, whatever a proxy makes of that.
   *
   * @param given a document that the page shows first, without asking for it
   */
  page(given?: unknown): Answer {
    const page = this.#files.get(INDEX);
    if (page === undefined) {
      return json(
        { error: 'the page was not built: run npm run build', code: 'PAGE_MISSING' },
        { status: 503 },
      );
    }
    return given === undefined ? page : withDocument(page, given);
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined)
      .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name))}`)
      .map((path) => path.replaceAll(sep, '/'));
  } catch {
    return []; // The page was not built. What reads it says so.
  }
}

function answerOf(path: string, body: Buffer): Answer {
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  const cache = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
  return {
    status: 200,
    headers: {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      'cache-control': cache,
      etag: `"${hash}"`,
    },
    body,
    ...(body.length >= LEAST_GZIP && { gzip: gzipSync(body, { level: 9 }) }),
  };
}

/** A script element that holds data is none to the policy of the page: nothing in it runs. */
function withDocument({ status, headers, body }: Answer, given: unknown): Answer {
  const text = JSON.stringify(given).replaceAll('<', String.raw`\u003c`);
  const data = `<script type="application/json" id="given">${text}</script>`;
  return {
    status,
    headers: { 'content-type': headers['content-type'] ?? '', ...NO_STORE },
    body: body.toString('utf8').replace('</head>', () => `${data}</head>`),
  };
}
