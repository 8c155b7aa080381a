import type { IncomingMessage } from 'node:http';
import { HttpError } from '../http/http-error.ts';
import { HostCheck } from './host-check.ts';
import { isForeign, isSameOrigin } from './same-origin.ts';
import { Token } from './token.ts';
import { Tries } from './tries.ts';
import type { Viewer } from './viewer.ts';

const COOKIE = 'fetchfleet';

export interface GatekeeperOptions {
  readonly host: string;
  readonly allowHost: readonly string[];
  readonly token: string | undefined;
  readonly readOnly: boolean;
  /** Path of the page without a slash at its end: the cookie is sent nowhere else. */
  readonly base: string;
}

/**
 * Decides who may see and who may change what. In this order: the request is meant for this server,
 * no page of another site has sent it, the viewer knows the token, and for a change: the server is
 * not read-only, and a page of ours has sent it.
 */
export class Gatekeeper {
  readonly #hosts: HostCheck;
  readonly #token: Token | undefined;
  readonly #tries = new Tries();
  readonly #options: GatekeeperOptions;

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    this.#hosts = new HostCheck({ host: options.host, allowed: options.allowHost });
    this.#token = options.token === undefined ? undefined : new Token(options.token);
  }

  /** @throws HttpError unless the request is meant for this server */
  checkHost({ headers, socket }: IncomingMessage): void {
    if (!this.#hosts.isOwn(headers.host, socket.localAddress)) {
      throw new HttpError(421, 'HOST_UNKNOWN', {
        message:
          'this server is not known by that name: use its address, or start it with --allow-host',
      });
    }
  }

  /** @throws HttpError for whoever may not see anything */
  checkViewer({ headers }: IncomingMessage, viewer: Viewer): void {
    if (isForeign(headers, this.#hosts)) {
      throw new HttpError(403, 'ORIGIN_FOREIGN', { message: 'a page of another site has asked' });
    }
    if (this.#token === undefined) {
      return;
    }
    const [, bearer] = /^Bearer (\S+)$/iu.exec(headers.authorization ?? '') ?? [];
    if (bearer !== undefined) {
      this.#check(bearer, viewer);
      return;
    }
    if (!this.#token.isCookie(cookieOf(headers.cookie ?? ''))) {
      throw new HttpError(401, 'LOGIN_REQUIRED', { message: 'log in with the token first' });
    }
  }

  /** Besides {@link checkViewer}. @throws HttpError for whoever may not change anything */
  checkChange({ headers }: IncomingMessage): void {
    this.checkSameOrigin({ headers });
    if (this.#options.readOnly) {
      throw new HttpError(403, 'READ_ONLY', {
        message: 'this page only shows: it was started with --read-only',
      });
    }
  }

  /** @throws HttpError */
  checkSameOrigin({ headers }: Pick<IncomingMessage, 'headers'>): void {
    if (!isSameOrigin(headers, this.#hosts)) {
      throw new HttpError(403, 'ORIGIN_FOREIGN', {
        message:
          'a change needs the header Origin with the address of this page, or Sec-Fetch-Site: ' +
          'same-origin',
      });
    }
  }

  /** @returns the cookie for a viewer with the right token. @throws HttpError */
  logIn(token: string, viewer: Viewer): string {
    if (this.#token === undefined) {
      return this.logOut(viewer);
    }
    this.#check(token, viewer);
    return this.#cookie(this.#token.cookie, viewer);
  }

  /** @returns a cookie that takes the place of the one before, and says nothing */
  logOut(viewer: Viewer): string {
    return `${this.#cookie('', viewer)}; Max-Age=0`;
  }

  #check(token: string, { address }: Viewer): void {
    const waitMs = this.#tries.waitMs(address);
    if (waitMs > 0) {
      throw new HttpError(429, 'TOO_MANY_TRIES', {
        message: `too many wrong tokens: try again in ${Math.ceil(waitMs / 1_000)} s`,
        headers: { 'retry-after': String(Math.ceil(waitMs / 1_000)) },
      });
    }
    if (this.#token?.isToken(token) !== true) {
      this.#tries.failed(address);
      throw new HttpError(401, 'TOKEN_WRONG', { message: 'that is not the token' });
    }
  }

  #cookie(value: string, { isHttps }: Viewer): string {
    const path = `Path=${this.#options.base}/`;
    return `${COOKIE}=${value}; HttpOnly; SameSite=Strict; ${path}${isHttps ? '; Secure' : ''}`;
  }
}

function cookieOf(header: string): string {
  const own = header.split(';').find((pair) => pair.trim().startsWith(`${COOKIE}=`));
  return own?.trim().slice(COOKIE.length + 1) ?? '';
}
