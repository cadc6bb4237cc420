/*
 * Rows per transaction.
 *
 * State: one partition per transaction, named by its $correlationId ("dbserver1:755"):
 *   {"rows": 3, "tables": {"dbserver1/inventory.orders": 2, …}, "ts": 1764137700000}; ts of its
 *   newest change. And one that all share (state without a partition):
 *   {"transactions": 12, "rows": 40, "largest": {"id": "dbserver1:755", "rows": 9},
 *   "sizes": {"1": 5, "2-10": 7}}: how many transactions have how many rows. Snapshot rows are no
 *   transaction's; a changed primary key counts as two, as the database wrote it.
 * Emits: nothing.
 * Costs: dear. One partition, so one stream of checkpoints, per transaction. Busy databases have
 *   millions: there, 'rowstream report' counts the same without leaving anything behind.
 * Version 1
 */
options({ biState: true });

// What the bridge wrote, or null. Others may write here too: their metadata may be missing, of
// another shape, or no JSON at all. e.metadata would then stop this projection for good, and no
// try would help; hence the raw text.
function ours(e) {
    var m;
    try {
        m = JSON.parse(e.metadataRaw);
    } catch (_) {
        return null;
    }
    if (!m || typeof m !== 'object' || typeof m.topic !== 'string' ||
        typeof m.partition !== 'number' || typeof m.offset !== 'number')
        return null;
    return m;
}

// A row's change (c u d r, i of Cassandra), or a truncate (t); no message, no domain event.
function change(e) {
    var m = ours(e);

    if (!m || typeof m.op !== 'string' || m.op.length !== 1 || 'cudrit'.indexOf(m.op) < 0)
        return null;
    return typeof m.table === 'string' && m.table !== '' ? m : null;
}

// "dbserver1/inventory.customers"; flattened records know no server: "/customers". With its slash
// it can never be the name of a member that every object has.
function tableOf(m) {
    return (typeof m.source === 'string' ? m.source : '') + '/' + m.table;
}

// Rows and truncates that belong to a transaction.
function transactionOf(e) {
    var m = change(e);

    return m && m.op !== 'r' && typeof m.$correlationId === 'string' && m.$correlationId !== '' ?
        m.$correlationId : null;
}

function sizeOf(rows) {
    return rows === 1 ? '1' : rows <= 10 ? '2-10' : rows <= 100 ? '11-100' :
        rows <= 1000 ? '101-1000' : 'over 1000';
}

function moveOn(shared, id, rows) {
    var size = sizeOf(rows), before;

    shared.rows++;
    if (rows === 1) {
        shared.transactions++;
    } else {
        before = sizeOf(rows - 1);
        if (--shared.sizes[before] === 0)
            delete shared.sizes[before];
    }
    shared.sizes[size] = (shared.sizes[size] || 0) + 1;
    if (!shared.largest || rows > shared.largest.rows)
        shared.largest = { id: id, rows: rows };
}

fromAll().partitionBy(transactionOf).when({
    $init: function () {
        return { rows: 0, tables: {}, ts: null };
    },
    $initShared: function () {
        return { transactions: 0, rows: 0, largest: null, sizes: {} };
    },
    $any: function (states, e) {
        var s = states[0], id = transactionOf(e), m, table;

        if (id === null)
            return states;
        m = change(e);
        table = tableOf(m);
        s.rows++;
        s.tables[table] = (s.tables[table] || 0) + 1;
        if (typeof m.ts === 'number' && (s.ts === null || m.ts > s.ts))
            s.ts = m.ts;
        moveOn(states[1], id, s.rows);
        return states;
    }
});
