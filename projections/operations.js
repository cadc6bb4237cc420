/*
 * Operation counts per table.
 *
 * State: one, {"tables": {"dbserver1/inventory.customers": {"c": 4, "u": 2, "d": 1}}}: how many
 *   events of each operation (c insert, u update, d delete, r snapshot, t truncate, i Cassandra's).
 * Emits: nothing.
 * Costs: one pass over $all, then a few microseconds an event. The state grows with the number of
 *   tables, some 60 bytes each, and is written with every checkpoint.
 * Version 1
 */

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

fromAll().when({
    $init: function () {
        return { tables: {} };
    },
    $any: function (s, e) {
        var m = change(e), table;

        if (!m)
            return s;
        table = tableOf(m);
        if (!s.tables[table])
            s.tables[table] = {};
        s.tables[table][m.op] = (s.tables[table][m.op] || 0) + 1;
        return s;
    }
});
