import { resolve } from 'node:path';

/** The text does not name a place for results. */
export class PlaceError extends Error {
  override readonly name = 'PlaceError';
  readonly code = 'PLACE_INVALID';
}

const WHAT = 'must be a folder, s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE';
const WHAT_S3 = 'must name a bucket, and a prefix or none: s3://BUCKET/PREFIX';
const WHAT_POSTGRES = 'must name a database: postgres://USER@HOST/DATABASE';

/** `http://…`, `s3:/x`, `file:…` */
const LIKE_ADDRESS = /^(?:[a-z][a-z0-9+.-]*:\/|(?:s3|postgres|postgresql|https?|file):)/iu;
/** `C:\results`, `C:`, `\\server\share` */
const LIKE_WINDOWS = /^(?:[a-z]:(?:[\\/]|$)|\\\\)/iu;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** A segment of a prefix. `?` and `#` are taken for the ends of a path by other programs. */
const SEGMENT = /^(?!\.{1,2}$)[^\p{Cc}?#\\]+$/u;

/** Where workers write records, and where commands read them: a folder or an address. */
export class Place {
  readonly kind: 'folder' | 's3' | 'postgres';
  /** As it may be shown and stored: without a password. */
  readonly location: string;
  readonly #url: string;

  private constructor(kind: Place['kind'], url: string, location = url) {
    this.kind = kind;
    this.location = location;
    this.#url = url;
  }

  /**
   * @param cwd what the path of a folder is relative to
   * @throws PlaceError with a phrase that says what is allowed, without the text itself
   */
  static parse(text: string, cwd: string): Place {
    if (text.startsWith('s3://')) {
      return new Place('s3', s3Url(text));
    }
    if (/^postgres(?:ql)?:\/\//u.test(text)) {
      return new Place('postgres', text, shownDatabase(text));
    }
    if (text === '') {
      throw new PlaceError(`${WHAT}, and not nothing`);
    }
    if (LIKE_WINDOWS.test(text)) {
      throw new PlaceError(`${WHAT}; paths of Windows are none here`);
    }
    if (LIKE_ADDRESS.test(text)) {
      throw new PlaceError(`${WHAT}; the path of a folder with such a name begins with ./`);
    }
    return new Place('folder', resolve(cwd, text));
  }

  /**
   * What the fleet calls it: a folder is that of one machine, an address is the same place from
   * everywhere.
   *
   * @param location of its store
   */
  nameFor(host: string, location: string): string {
    return `${this.kind === 'folder' ? `${host}:` : ''}${location}`;
  }

  /** Absolute path or complete address: what {@link openStore} opens. It may hold a password. */
  get url(): string {
    return this.#url;
  }
}

function s3Url(text: string): string {
  const [bucket = '', ...prefix] = text.slice('s3://'.length).replace(/\/$/u, '').split('/');
  if (!BUCKET.test(bucket) || !prefix.every((segment) => SEGMENT.test(segment))) {
    throw new PlaceError(WHAT_S3);
  }
  return ['s3:/', bucket, ...prefix].join('/');
}

/** Without password and parameters. */
function shownDatabase(text: string): string {
  const { username, host, pathname } = URL.parse(text) ?? { username: '', host: '', pathname: '' };
  if (!/^\/[^/]+$/u.test(pathname)) {
    throw new PlaceError(WHAT_POSTGRES);
  }
  return `postgres://${username === '' ? '' : `${username}@`}${host}${pathname}`;
}
