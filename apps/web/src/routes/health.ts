import { type Health, withTimeout } from '@fetchfleet/service';
import { toError } from '@fetchfleet/crawl';
import { type Answer, json } from '../http/answer.ts';
import { Look } from '../looks/look.ts';

/** Supervisors do not wait longer than some seconds for an answer. */
const TIMEOUT_MS = 2_000;
const OK: Health = { status: 'ok' };

/**
 * What supervisors ask, at the same paths as of a worker and at the root whatever `--base` is. They
 * come by addresses of their own, without the token, and learn nothing but this.
 *
 * - `/healthz`: this process answers.
 * - `/readyz`: and Redis does. However many ask, Redis is asked once a second.
 */
export class HealthPaths {
  readonly #redis: Look<unknown>;

  /** @param ping asks Redis */
  constructor(ping: () => Promise<unknown>) {
    this.#redis = new Look({ read: ping });
  }

  /** @returns undefined if the path is none of these */
  async find(path: string): Promise<Answer | undefined> {
    if (path === '/healthz') {
      return answer(OK);
    }
    return path === '/readyz' ? answer(await this.#ready()) : undefined;
  }

  async #ready(): Promise<Health> {
    try {
      return await withTimeout(
        this.#redis.get().then(() => OK),
        {
          timeoutMs: TIMEOUT_MS,
          onTimeout: () => ({ status: 'fail', reason: 'Redis does not answer' }),
        },
      );
    } catch (error) {
      return { status: 'fail', reason: toError(error).message };
    }
  }
}

function answer(health: Health): Answer {
  return json(health, { status: health.status === 'ok' ? 200 : 503 });
}
