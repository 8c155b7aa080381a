import { signal } from '@preact/signals';
import type {
  CommandAnswer,
  CommandRequest,
  ErrorDocument,
  FleetDocument,
  LoginAnswer,
  LoginRequest,
} from '../../../src/api/documents.ts';

/** An answer that says no; `text` is a sentence for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;

  constructor(text: string, { status, code }: { readonly status: number; readonly code: string }) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** Whether the server asks for its token: at first, and when a browser has lost its cookie. */
export const isLoggedOut = signal(false);

/** What `fleet` answers, sent along with the page to those who may see it: it is shown at once. */
export function givenFleet(): FleetDocument | undefined {
  const text = document.getElementById('given')?.textContent;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server is of this version
  return text === undefined ? undefined : (JSON.parse(text) as FleetDocument);
}

/** @param path below `api/`, with its query. @throws ApiError */
export async function read<T>(path: string, ending?: AbortSignal): Promise<T> {
  return send<T>(path, { ...(ending !== undefined && { signal: ending }) });
}

/** @throws ApiError if that is not the token */
export async function logIn(token: string): Promise<void> {
  await post<LoginAnswer>('login', { token } satisfies LoginRequest);
  isLoggedOut.value = false;
}

/** Runs a command of the command line. @throws ApiError */
export async function command(request: CommandRequest): Promise<CommandAnswer> {
  return post<CommandAnswer>('commands', request);
}

async function post<T>(path: string, body: unknown): Promise<T> {
  return send<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function send<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(`api/${path}`, { ...init, credentials: 'same-origin' });
  const value: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    const error = errorOf(response, value);
    isLoggedOut.value ||= error.code === 'LOGIN_REQUIRED';
    throw error;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server is of this version
  return value as T;
}

function errorOf({ status }: Response, value: unknown): ApiError {
  const { error, code } = (value ?? {}) as Partial<ErrorDocument>;
  return new ApiError(error ?? `the server of the page answered ${status}`, {
    status,
    code: code ?? 'UNKNOWN',
  });
}

/** `?a=1&b=2`; empty values are left out. */
export function query(
  values: Readonly<Record<string, string | number | null | undefined>>,
): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== '' && value != null) {
      found.append(name, String(value));
    }
  }
  const text = found.toString();
  return text === '' ? '' : `?${text}`;
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
