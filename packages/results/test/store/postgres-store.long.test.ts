import { PostgresStore } from '@fetchfleet/results/postgres';
import { installLeakGuard, startPostgres } from '@fetchfleet/testing';
import { Client } from 'pg';
import { describeStore } from './contract.ts';

installLeakGuard();

describeStore('PostgreSQL', async () => {
  const postgres = await startPostgres();
  const run = async (sql: string): Promise<void> => {
    const client = new Client({
      connectionString: postgres.url,
      options: '-c default_transaction_read_only=off',
    });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const setReadOnly = async (isReadOnly: boolean): Promise<void> => {
    await run(`ALTER DATABASE postgres SET default_transaction_read_only = ${String(isReadOnly)};
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`);
  };
  return {
    open: async () => new PostgresStore({ url: postgres.url, env: {} }),
    damage: async () => setReadOnly(true),
    mend: async () => setReadOnly(false),
    replace: async () =>
      run(
        'TRUNCATE fetches, fetchfleet_batches; UPDATE fetchfleet_place SET id = gen_random_uuid()',
      ),
    addForeign: async (batch) =>
      run(`INSERT INTO fetches SELECT (jsonb_populate_record(one, '{"index": -1}')).*
           FROM fetches AS one WHERE batch = '${batch}'`),
    stop: async () => postgres.dispose(),
  };
});
