import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Asked } from '../http/asked.ts';

/** Cookies that the steps set, each with where it leads. */
const STEPS: ReadonlyMap<string, { readonly cookie: string; readonly location: string }> = new Map([
  ['/login', { cookie: 'session=s1', location: '/login/consent' }],
  ['/login/consent', { cookie: 'consent=yes', location: '/account' }],
]);

/** `/login` redirects twice and sets a cookie each time; `/account` wants both of them. */
export function loginAnswer({ path, query, headers }: Asked): Answer | undefined {
  const search = query.size === 0 ? '' : `?${query.toString()}`;
  const step = STEPS.get(path);
  if (step !== undefined) {
    const { cookie, location } = step;
    const answer = jsonAnswer(302, { location });
    return {
      ...answer,
      headers: { location: location + search, 'set-cookie': [`${cookie}; Path=/; HttpOnly`] },
    };
  }
  if (path !== '/account') {
    return undefined;
  }
  const sent = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const missing = [...STEPS.values()]
    .map(({ cookie }) => cookie)
    .filter((one) => !sent.includes(one));
  return missing.length === 0
    ? jsonAnswer(200, { account: 'sample' })
    : jsonAnswer(403, { error: `cookies are missing: ${missing.join(', ')}; begin at /login` });
}
