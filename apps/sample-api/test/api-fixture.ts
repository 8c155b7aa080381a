import { type SampleApi, type SampleApiOptions, createSampleApi } from '../src/server.ts';

const started: SampleApi[] = [];

/** Call it after each test. */
export async function stopApis(): Promise<void> {
  await Promise.all(started.splice(0).map((api) => api.stop()));
}

export async function startApi(options: SampleApiOptions = {}) {
  const api = createSampleApi(options);
  started.push(api);
  const { origin } = await api.listen();
  return {
    api,
    origin,
    get: (path: string, init?: RequestInit) => fetch(new URL(path, origin), init),
    post: (path: string, body: string | URLSearchParams, headers: Record<string, string> = {}) =>
      fetch(new URL(path, origin), { method: 'POST', body, headers }),
  };
}
