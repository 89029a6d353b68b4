import { readFileSync } from 'node:fs';
import { connect, migrate } from 'knockon';
import pg from 'pg';
import { createApp } from './app.js';

const { DATABASE_URL, WORKSPACE_ID, PORT = '8080' } = process.env;
const pool = new pg.Pool({ connectionString: DATABASE_URL });
await pool.query(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'));

// Knock-on's tables, and the event types of this application.
await migrate();
await (await connect()).close();

const server = createApp(pool, WORKSPACE_ID).listen(Number(PORT), () => {
  console.log(`http://localhost:${server.address().port}`);
});
process.on('SIGTERM', () => server.close(() => pool.end()));
