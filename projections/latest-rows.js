/*
 * The latest state of each row.
 *
 * State: one partition per row, named as the row's stream ("customers-1001"):
 *   {"row": {…}|null, "deleted": false, "op": "u", "table": "dbserver1/inventory.customers",
 *   "revision": 3, "ts": 1764137700000, "unknown": ["blob"]}. Of a deleted row, "row" is the last
 *   one known. "unknown" names columns whose value the database did not send and none before
 *   knew (TOAST); it is left out when empty. Keyless rows share a stream, so they are left out.
 *   A TRUNCATE is written to a stream of the table and reaches no row here.
 *   Numbers beyond 2^53 lose digits: JavaScript has doubles. The stream keeps them.
 * Emits: nothing.
 * Costs: dear. One partition, so one stream of checkpoints, per row, and one entry per row in
 *   $projections-rowstream-latest-rows-partitions. Meant for thousands of rows, not for millions.
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

// The row that an event carries; null if it carries none (a tombstone).
function imageOf(e, op) {
    var body, image;

    try {
        body = JSON.parse(e.bodyRaw);
    } catch (_) {
        return null;
    }
    if (!body || typeof body !== 'object')
        return null;
    image = op === 'd' ? body.before : body.after;
    return image && typeof image === 'object' && !Array.isArray(image) ? image : null;
}

function has(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name);
}

// Columns that the event leaves open keep what was there before.
function fillIn(s, image, names) {
    var unknown = [], before = s.unknown || [];

    names.forEach(function (name) {
        if (s.row && has(s.row, name) && before.indexOf(name) < 0)
            image[name] = s.row[name];
        else
            unknown.push(name);
    });
    if (unknown.length)
        s.unknown = unknown;
    else
        delete s.unknown;
    return image;
}

function isKeyless(stream) {
    return stream.indexOf('-~partition:') >= 0;
}

fromAll().partitionBy(function (e) {
    var m = change(e);

    return m && m.op !== 't' && !isKeyless(e.streamId) ? e.streamId : null;
}).when({
    $init: function () {
        return { row: null, deleted: false, op: null, table: null, revision: -1, ts: null };
    },
    $any: function (s, e) {
        var m = change(e), image;

        if (!m)
            return s;
        image = imageOf(e, m.op);
        if (m.op === 'd')
            s.row = s.row || image;
        else if (image)
            s.row = fillIn(s, image, Array.isArray(m.placeholders) ? m.placeholders : []);
        s.deleted = m.op === 'd';
        s.op = m.op;
        s.table = tableOf(m);
        s.revision = e.sequenceNumber;
        s.ts = typeof m.ts === 'number' ? m.ts : null;
        return s;
    }
});
