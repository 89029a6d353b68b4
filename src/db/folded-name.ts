import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';

/**
 * A name as it is compared: in any case, composed, with one sigma and one apostrophe. Indexes have
 * this expression.
 */
export const foldedName = (name: SQLWrapper): SQL =>
  sql`translate(lower(normalize(${name})), 'ς''ʼ＇‘', 'σ’’’’')`;
