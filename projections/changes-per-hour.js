/*
 * Changes per hour.
 *
 * State: one partition per table ("dbserver1/inventory.customers"):
 *   {"hours": {"2026-11-26T06": 17, …}, "older": 0, "unknown": 0, "snapshot": 4}. Hours are UTC, by
 *   the time of the change in the database (metadata "ts"). The newest 744 hours that saw a change
 *   are kept, what was counted in others is added up in "older"; "unknown" had no time; rows of a
 *   snapshot were there before and are no change.
 * Emits: nothing.
 * Costs: one pass over $all; one partition per table, its state at most some 17 KB.
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

var HOURS_KEPT = 744;

// "2026-11-26T06", or null.
function hourOf(ts) {
    if (typeof ts !== 'number' || !(ts >= 0 && ts < 253402300800000))
        return null;
    return new Date(Math.floor(ts)).toISOString().substring(0, 13);
}

function dropOldest(s) {
    var hours = Object.keys(s.hours).sort();

    while (hours.length > HOURS_KEPT) {
        s.older += s.hours[hours[0]];
        delete s.hours[hours.shift()];
    }
}

function count(s, hour) {
    if (s.hours[hour]) {
        s.hours[hour]++;
        return;
    }
    s.hours[hour] = 1;
    dropOldest(s);
}

fromAll().partitionBy(function (e) {
    var m = change(e);

    return m ? tableOf(m) : null;
}).when({
    $init: function () {
        return { hours: {}, older: 0, unknown: 0, snapshot: 0 };
    },
    $any: function (s, e) {
        var m = change(e), hour;

        if (!m)
            return s;
        hour = hourOf(m.ts);
        if (m.op === 'r')
            s.snapshot++;
        else if (hour === null)
            s.unknown++;
        else
            count(s, hour);
        return s;
    }
});
