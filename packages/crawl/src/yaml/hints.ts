/**
 * Words that stand elsewhere in a crawl file, or have another name there: those of curl, Scrapy,
 * Crawlee, requests, k6 and others. Upper case, `_` and `-` make no difference.
 */
const HINTS: Readonly<Record<string, string>> = {
  rate: 'write politeness: { rate: 5/s }',
  ratelimit: 'write politeness: { rate: 5/s }',
  rps: 'write politeness: { rate: 5/s }',
  delay: 'write politeness: { delay: 200ms }',
  downloaddelay: 'write politeness: { delay: 200ms }',
  crawldelay: 'write politeness: { delay: 200ms }',
  concurrency: 'write politeness: { concurrency: 8 }, which holds for each origin',
  maxconcurrency: 'write politeness: { concurrency: 8 }, which holds for each origin',
  robots: 'write politeness: { robots: obey }',
  respectrobots: 'write politeness: { robots: obey }',
  patience: 'write politeness: { patience: 1h }',
  burst: 'write politeness: { burst: 1 }',
  timeout: 'write limits: { timeout: 30s }',
  redirects: 'write limits: { redirects: 5 }',
  maxredirects: 'write limits: { redirects: 5 }',
  attempts: 'write retry: { attempts: 5 }',
  retries: 'write retry: { attempts: 5 }',
  maxretries: 'write retry: { attempts: 5 }',
  backoff: 'write retry: { backoff: 1s }',
  allowprivate: 'write network: { allowPrivate: true }',
  headers: 'headers: stands at the beginning of a line, beside url:',
  cookies: 'write headers: { cookie: "${env:NAME}" }',
  cookie: 'write headers: { cookie: "${env:NAME}" }',
  useragent: 'write contact: you@example.org, or headers: { user-agent: … }',
  proxy: 'write network: { proxy: http://proxy.example:3128 }',
  proxies: 'write network: { proxy: [http://proxy.example:3128] }',
  insecure: 'write network: { tls: { insecure: true } }',
  verify: 'write network: { tls: { insecure: true } }, or { tls: { ca: ca.pem } }',
  ca: 'write network: { tls: { ca: ca.pem } }',
  cacert: 'write network: { tls: { ca: ca.pem } }',
  authorization: 'write auth: { bearer: "${env:NAME}" }',
  token: 'write auth: { bearer: "${env:NAME}" }',
  bearer: 'write auth: { bearer: "${env:NAME}" }',
  basic: 'write auth: { basic: { user: name, password: "${env:NAME}" } }',
  oauth2: 'write auth: { oauth2: { tokenUrl: …, clientId: …, clientSecret: "${env:NAME}" } }',
  pagination: 'write paginate: { next: link }',
  pages: 'write paginate: { next: link }',
  starturls: 'write urls: { file: urls.txt } or a list',
  urls: 'urls: stands at the beginning of a line, instead of url:',
  rows: 'rows: stands at the beginning of a line, beside params:',
  columns: 'write column, or rows: { file: …, columns: […] } for several parameters at once',
  query: 'a query is part of url:, as in https://api.example/items{?page,lang}',
  querystring: 'a query is part of url:, as in https://api.example/items{?page,lang}',
  data: 'write body: { form: … } or body: { json: … }',
  json: 'write body: { json: … }',
  form: 'write body: { form: … }',
};

/** `; write politeness: { delay: 200ms }` for a word of others; empty for any other word. */
export function hintFor(word: string): string {
  const known = word.toLowerCase().replaceAll(/[-_]/g, '');
  const hint = Object.hasOwn(HINTS, known) ? HINTS[known] : undefined;
  return hint === undefined ? '' : `; ${hint}`;
}
