// Feeds fixture streams to the projections on the vendor's own engine and compares states and
// links with what the fixture says. Arguments: directory of projections, files *.json of cases.
import { createProjection } from '@kurrent/projections-testing';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const [directory, ...files] = process.argv.slice(2);
let passed = 0, failed = 0;

// An event's metadata: the case's "common", then its own members; a text stays as it is.
function eventOf(common, event) {
    const whole = { eventType: 'x', isJson: true, ...event };
    if (whole.metadata && typeof whole.metadata === 'object')
        whole.metadata = { ...common, ...whole.metadata };
    return whole;
}

function check(one) {
    const source = fs.readFileSync(path.join(directory, one.projection), 'utf8');
    const projection = createProjection(source, { engineVersion: 1 }).test();
    const links = [];
    for (const event of one.events) {
        const step = projection.feed(eventOf(one.common ?? {}, event));
        // What the engine found odd about a state: it could not be read back as it was.
        assert.deepEqual(step.diagnostics ?? [], []);
        for (const emitted of step.emitted ?? [])
            links.push(`${emitted.streamId} ${emitted.isLink ? emitted.data : emitted.eventType}`);
    }
    for (const [partition, state] of Object.entries(one.states ?? {}))
        assert.deepEqual(projection.getState(partition || undefined), state, partition);
    for (const [partition, value] of Object.entries(one.rows?.of ?? {}))
        assert.deepEqual(projection.getState(partition)[one.rows.at], value, partition);
    if (one.shared)
        assert.deepEqual(projection.getSharedState(), one.shared);
    if (one.links)
        assert.deepEqual(links, one.links);
}

for (const file of files)
    for (const one of JSON.parse(fs.readFileSync(file, 'utf8'))) {
        try {
            check(one);
            passed++;
        } catch (error) {
            failed++;
            console.log(`FAIL ${path.basename(file)}: ${one.name}\n${error.message}`);
        }
    }
console.log(`projections: ${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
