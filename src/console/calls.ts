import { signal } from '@preact/signals';

/** Why a call did not do what was asked, in words for people. */
export class CallError extends Error {
  override name = 'CallError';
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  /** What is wrong with which field. */
  readonly fields: { path: string; message: string }[];

  constructor(status: number, detail: string, fields: CallError['fields'] = []) {
    super(detail);
    this.status = status;
    this.fields = fields;
  }
}

/** Counts up whenever a call is answered that nobody is signed in. */
export const refused = signal(0);

interface Asked {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  /** The same key again is the same action. */
  once?: string;
}

/**
 * Calls the API. The cookie says who we are; the header, which no other site's page can send, that
 * it is us. @throws CallError
 */
export async function call<T>(
  path: string,
  { method = 'GET', body, once }: Asked = {},
): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: {
      'knockon-console': '1',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(once !== undefined && { 'idempotency-key': once }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  }).catch(() => {
    throw new CallError(
      0,
      'The API does not answer. It may be restarting, or the network is away.',
    );
  });
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  const error = errorOf(response.status, text);
  if (error.status === 401) refused.value += 1;
  throw error;
}

function errorOf(status: number, text: string): CallError {
  try {
    const { detail, title, errors } = JSON.parse(text) as {
      detail?: string;
      title?: string;
      errors?: CallError['fields'];
    };
    return new CallError(status, detail ?? title ?? `The API answered ${status}.`, errors ?? []);
  } catch {
    return new CallError(status, `The API answered ${status}.`);
  }
}

/** What went wrong, as a sentence; a field that is wrong is named, with what it must be. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof CallError)) return error instanceof Error ? error.message : String(error);
  const fields = error.fields.map(({ path, message }) => `${path} ${message}`);
  return fields.length > 0 ? fields.join('; ') : error.message;
}

/** A key for one action. `randomUUID` is not there where the page came by plain http. */
export function newActionKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
