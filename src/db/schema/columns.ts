import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { customType, PgSchema, timestamp, uuid } from 'drizzle-orm/pg-core';
import { OWN_SCHEMA } from '../own-schema.ts';

/** Where all tables are. See `src/db/own-schema.ts`. */
export const ownSchema = new PgSchema(OWN_SCHEMA);

/** A UUIDv7 primary key, made by Postgres where the application gives none. */
export const id = () => uuid().primaryKey().default(sql`knockon.uuidv7()`);

/** A moment in UTC, read as a Date. */
export const moment = () => timestamp({ withTimezone: true });

/** When the row was made. */
export const created = () => moment().notNull().defaultNow();

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

export const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

/**
 * A name as it is compared: in any case, composed, with one sigma and one apostrophe. Indexes have
 * this expression.
 */
export const foldedName = (name: SQLWrapper): SQL =>
  sql`translate(lower(normalize(${name})), 'ς''ʼ＇‘', 'σ’’’’')`;
