/*
 * Deleted rows.
 *
 * State: one partition per table ("dbserver1/inventory.customers"):
 *   {"deletes": 3, "moves": 1, "truncates": 0, "newest": [{"stream": "customers-1001",
 *   "revision": 5, "ts": 1764137700000, "transaction": "dbserver1:755"}, …]}: the newest 100
 *   deletes, oldest first; a row that came back is no longer among them. A delete that only tells
 *   of a changed primary key is a move.
 * Emits: into the stream ~deleted-<server>.<table> (~deleted-dbserver1.inventory.customers; names
 *   escaped as the mapping does) a link to each delete, moves left out. Such a name can be no
 *   table's.
 * Costs: one pass over $all; one partition per table, its state at most some 15 KB; one small
 *   event per delete.
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

var NEWEST_KEPT = 100;

function isMove(m) {
    return m.moved_to !== undefined && m.moved_to !== null;
}

function streamOf(m) {
    return '~deleted-' + (typeof m.source === 'string' ? escaped(m.source) + '.' : '') +
        escaped(m.table);
}

function forget(s, stream) {
    s.newest = s.newest.filter(function (one) {
        return one.stream !== stream;
    });
}

function remember(s, e, m) {
    forget(s, e.streamId);
    s.newest.push({
        stream: e.streamId,
        revision: e.sequenceNumber,
        ts: typeof m.ts === 'number' ? m.ts : null,
        transaction: typeof m.$correlationId === 'string' ? m.$correlationId : null
    });
    if (s.newest.length > NEWEST_KEPT)
        s.newest.shift();
}

fromAll().partitionBy(function (e) {
    var m = change(e);

    return m ? tableOf(m) : null;
}).when({
    $init: function () {
        return { deletes: 0, moves: 0, truncates: 0, newest: [] };
    },
    $any: function (s, e) {
        var m = change(e);

        if (!m)
            return s;
        if (m.op === 't') {
            s.truncates++;
        } else if (m.op !== 'd') {
            forget(s, e.streamId);
        } else if (isMove(m)) {
            s.moves++;
        } else {
            s.deletes++;
            remember(s, e, m);
            linkTo(streamOf(m), e);
        }
        return s;
    }
});
