import { types } from 'node:util';

// What may be shown of an error: in a log, in Temporal's histories, in `last_error`. Statements'
// parameters, and the values that Postgres repeats in its messages, are people's texts, names and
// addresses. They stay where they are.

/** An error as it is logged. */
export interface SafeError {
  name: string;
  message: string;
  /** The SQLSTATE, or the code of the system or of a library. */
  code?: string;
  /** Where it happened: its frames alone. */
  stack?: string;
  cause?: SafeError;
}

/** Most characters of a message. */
const LONGEST = 200;
/** Most characters that are looked at. */
const LOOKED_AT = 2000;
const FRAMES = 20;
const CAUSES = 5;

/** Marks errors whose message has been made here. */
const safe = Symbol.for('knockon.safe-error');

/** What postgres.js and pg make of an error of the server. */
interface ServerError extends Error {
  code: string;
  severity: string;
  where?: string;
  routine?: string;
}

/** Members of a server's error that name parts of the schema, and hold no values. */
const OF_SCHEMA = [
  'severity',
  'schema_name',
  'table_name',
  'column_name',
  'data_type_name',
  'constraint_name',
];

/** Members that say what to do; kept of our own functions' errors, for who called them. */
const OF_ADVICE = ['detail', 'hint'];

/** Classes of SQLSTATE whose messages tell of the server and its resources alone. */
const OF_SERVER = /^(08|25|40|53|54|55|57|58)/;
/** Classes whose messages name parts of the schema. */
const OF_NAMES = /^(0A|0B|23|26|28|2B|2D|34|3B|3D|3F|42|XX)/;
/** What our own functions raise: its messages hold no values. */
const OF_OURS = /^KN/;
/** Values: data exceptions, and syntax errors, which quote what they stumbled over. */
const OF_VALUES = /^(22|42601)/;

/** Also one of the workflows' sandbox, whose errors are of a class of their own. */
export const isError = (value: unknown): value is Error =>
  value instanceof Error || types.isNativeError(value);

const isServers = (error: unknown): error is ServerError =>
  isError(error) && 'severity' in error && 'code' in error && typeof error.code === 'string';

/**
 * A message of Postgres' without values. What a function raises is its author's text: Postgres' own
 * log has it.
 */
function serversMessage({ code, message, where = '', routine }: ServerError): string {
  if (OF_OURS.test(code)) return message;
  // Under whatever code. In other languages what raises it can't be told from Postgres' own errors.
  const isRaised = routine === 'exec_stmt_raise' || /^PL\/(?!pgSQL)/.test(where);
  if (!isRaised && OF_SERVER.test(code)) return message;
  if (isRaised || !(OF_NAMES.test(code) || OF_VALUES.test(code))) {
    const [, name, line] = /^PL\/pgSQL function ([\w.]+)\([^)]*\) line (\d+)/.exec(where) ?? [];
    return (
      `${name ? `the function ${name}, line ${line},` : 'a function of the database'} raised it; ` +
      "Postgres' log has its message"
    );
  }
  // Names that a function puts together may be values.
  const isComposed = code.startsWith('42') && where !== '';
  return OF_VALUES.test(code) || isComposed ? withoutQuotes(message) : message;
}

/**
 * The text without what may be somebody's: quotations, addresses, the paths of URLs, keys. On one
 * line. What is between the first quote and the last goes, since what is quoted may hold quotes.
 */
function scrub(text: string): string {
  const plain = text
    .slice(0, LOOKED_AT)
    .replace(/\b([a-z][a-z0-9+.-]{0,20}:\/\/)(?:[^\s/@]*@)?([^\s/?#"'<>]*)[^\s"'<>]*/gi, '$1$2/…')
    .replace(/[^\s<>()"'`,;:]+@[^\s<>()"'`,;]+/g, '…@…')
    .replace(/\b(?:kn|whsec)_[\w+/=-]+|[\w+/=-]{40,}/g, '…');
  return withoutQuotes(plain);
}

function withoutQuotes(text: string): string {
  return text
    .replace(/".*"|"[^"]*$/s, '"…"')
    .replace(/`.*`|`[^`]*$/s, '`…`')
    .replace(/[“„«].*[”“»]|[“„«].*$/s, '“…”')
    .replace(/(?<![\p{L}\p{N}])'.*'(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])'[^']*$/su, "'…'");
}

const invisible = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu;

function line(text: string): string {
  const letters = Array.from(text.slice(0, LOOKED_AT).replace(invisible, ' ').trim());
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST).join('')}…` : letters.join('');
}

/** Node's own error of a system call: it names the call, a file or a host. */
const isSystems = (error: Error) => 'syscall' in error && 'errno' in error;

function messageOf(error: unknown): string {
  if (!isError(error))
    return typeof error === 'string'
      ? line(scrub(error))
      : `something was thrown that is no error: ${typeof error}`;
  if (safe in error) return error.message;
  if (isServers(error)) return `${line(serversMessage(error))} (SQLSTATE ${codeOf(error)})`;
  if (isStatement(error)) return messageOf(error.cause);
  const [first] = error instanceof AggregateError ? error.errors : [];
  if (error.message === '' && isError(first)) return messageOf(first);
  return (
    line(isSystems(error) ? error.message : scrub(error.message)) || codeOf(error) || nameOf(error)
  );
}

/**
 * A wrapper that says nothing of its own: drizzle's, whose message is the statement with its
 * parameters, or ours.
 */
const isStatement = (error: Error): boolean =>
  isError(error.cause) &&
  (error.name === 'StatementError' || ('query' in error && 'params' in error));

const nameOf = (error: Error): string =>
  [error.name, error.constructor?.name].find(
    (one) => typeof one === 'string' && /^[\w$.-]{1,60}$/.test(one),
  ) ?? 'Error';

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' && /^[\w.-]{1,60}$/.test(error.code)
    ? error.code
    : undefined;
}

const frame = /^\s+at .{1,300}(?::\d+:\d+\)?|\(<anonymous>\)|\bnative\)?)$/;

/** A stack begins with the message, which may have many lines. */
function framesOf({ stack = '', message }: Error): string[] {
  const at = message === '' ? -1 : stack.indexOf(message);
  const rest = at === -1 ? stack : stack.slice(at + message.length);
  return rest
    .split('\n')
    .filter((text) => frame.test(text))
    .slice(0, FRAMES);
}

/**
 * What went wrong, in a line: `duplicate key value violates unique constraint "members_pkey"
 * (SQLSTATE 23505)`.
 */
export const safeReason = (error: unknown): string => messageOf(error);

/** Everything that may be told of an error. */
export function safeError(error: unknown, depth = CAUSES): SafeError {
  const message = messageOf(error);
  if (!isError(error)) return { name: 'Error', message };
  const code = codeOf(error);
  const frames = framesOf(error);
  return {
    name: nameOf(error),
    message,
    ...(code !== undefined && { code }),
    ...(frames.length > 0 && { stack: frames.join('\n') }),
    ...(error.cause !== undefined && depth > 0 && { cause: safeError(error.cause, depth - 1) }),
  };
}

/** The same as an error, for callees that take errors only. */
export function asSafeError(error: unknown): Error {
  return made(safeError(error), Error.prototype);
}

/**
 * An error of Postgres' without the values that it repeats and without the parameters of its
 * statement: what a client of the database throws. Every other error as it is.
 */
export function withoutValues(error: unknown): unknown {
  if (!isServers(error) || safe in error) return error;
  const kept = OF_OURS.test(error.code) ? [...OF_SCHEMA, ...OF_ADVICE] : OF_SCHEMA;
  const rest = Object.fromEntries(Object.entries(error).filter(([key]) => kept.includes(key)));
  return Object.assign(made(safeError(error), Object.getPrototypeOf(error) as object), rest);
}

function made({ name, message, code, stack, cause }: SafeError, prototype: object): Error {
  const error = new Error(message, cause && { cause: made(cause, Error.prototype) });
  const hidden = (value: unknown) => ({ value, configurable: true, writable: true });
  Object.defineProperties(error, {
    [safe]: hidden(true),
    stack: hidden([`${name}: ${message}`, stack].filter(Boolean).join('\n')),
  });
  return Object.setPrototypeOf(
    Object.assign(error, { name }, code !== undefined && { code }),
    prototype,
  ) as Error;
}
