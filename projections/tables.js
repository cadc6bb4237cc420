/*
 * Streams by table, across databases.
 *
 * State: one partition per table's own name, without server, database and schema ("customers"):
 *   {"events": 40, "streams": 12, "databases": {"dbserver1/inventory.customers": 30,
 *   "dbserver2/shop.customers": 10}}: events per server and full name, and how many streams began.
 * Emits: into the stream ~table-<table> (~table-customers; escaped as the mapping does) a link to
 *   every event of a table of that name, whatever database it is in: what $ce- is for one category.
 *   Such a name can be no table's.
 * Costs: one small event for each event of the bridge, like $by_category: about as much work for
 *   the disk again. One partition per table.
 * Emit: yes
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

// As the mapping escapes a name (docs/mapping.md, 2.1).
function escaped(name) {
    return name.replace(/[^A-Za-z0-9._@!*()'\u0080-\uffff]/g, function (c) {
        return '~' + (c.charCodeAt(0) < 16 ? '0' : '') + c.charCodeAt(0).toString(16).toUpperCase();
    });
}

// The last part of the full name: "customers" of "inventory.public.customers". A table whose own
// name has a dot cannot be told from a schema and a table.
function nameOf(m) {
    return m.table.substring(m.table.lastIndexOf('.') + 1);
}

fromAll().partitionBy(function (e) {
    var m = change(e);

    return m && nameOf(m) !== '' ? nameOf(m) : null;
}).when({
    $init: function () {
        return { events: 0, streams: 0, databases: {} };
    },
    $any: function (s, e) {
        var m = change(e), table;

        if (!m)
            return s;
        table = tableOf(m);
        s.events++;
        if (e.sequenceNumber === 0)
            s.streams++;
        s.databases[table] = (s.databases[table] || 0) + 1;
        linkTo('~table-' + escaped(nameOf(m)), e);
        return s;
    }
});
