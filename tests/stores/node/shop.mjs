// A shop on Emmett: it appends orders to its event store, and projects them with the library's own consumer.
//
//   node shop.mjs sell 5              five orders, each opened and filled
//   node shop.mjs project [--once]    until SIGTERM, or until there are no more messages
//
// DATABASE_URL says which database; its search_path, where the library makes its tables.
import { getPostgreSQLEventStore, postgreSQLEventStoreConsumer, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';
import { sql } from '@event-driven-io/dumbo';

const connectionString = process.env.DATABASE_URL;

const totals = postgreSQLRawSQLProjection({
  name: 'Totals',
  canHandle: ['Filled'],
  // Counted up, so that an event that is seen twice or never shows.
  evolve: ({ data }) => sql(
    `insert into sales.totals (order_id, amount) values (%L, %s)
     on conflict (order_id) do update set amount = totals.amount + excluded.amount`, data.order, data.amount),
});

async function sell(count) {
  const store = getPostgreSQLEventStore(connectionString);
  for (let number = 0; number < count; number += 1) {
    const order = `order-${Date.now()}-${number}`;
    await store.appendToStream(order, [
      { type: 'Opened', data: { order } },
      { type: 'Filled', data: { order, amount: number + 1 } },
    ]);
  }
  await store.close();
}

async function project(once) {
  const consumer = postgreSQLEventStoreConsumer({ connectionString, stopWhen: { noMessagesLeft: once } });
  // With a connection of its own the library's handler of SIGTERM gives the projector's place back; it ends no process.
  consumer.projector({ projection: totals, connectionOptions: { connectionString } });
  process.on('SIGTERM', () => setTimeout(() => process.exit(0), 500));
  const running = consumer.start();
  console.log('running');
  await running;
  await consumer.close();
}

const [command, argument] = process.argv.slice(2);
await (command === 'sell' ? sell(Number(argument)) : project(argument === '--once'));
