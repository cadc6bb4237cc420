"""The development store against the recordings of real servers (tests/transcripts)."""
import pytest

import harness
import transcripts

NAMES = sorted(path.stem for path in transcripts.RECORDINGS.glob("*-[0-9]*.json"))


@pytest.fixture(scope="module")
def found():
    """recording -> its differences, each replayed once on a store of its own."""
    cache = {}

    def replay(name):
        if name not in cache:
            store = harness.Store("--memory")
            try:
                cache[name] = transcripts.Replay(name, f"http://{store.address}").differences()
            finally:
                store.end()
        return cache[name]

    return replay


def test_all_recordings_are_there():
    assert len(NAMES) == 5


@pytest.mark.parametrize("name", NAMES)
def test_answers_as_recorded(found, name):
    entries = transcripts.known()["differences"]
    unexplained = [str(d) for d in found(name) if not transcripts.explain(d, entries)]
    assert not unexplained, "\n".join(unexplained)


def test_every_known_difference_is_met(found):
    """An entry that explains nothing any more is out of date."""
    entries = transcripts.known()["differences"]
    met = [transcripts.explain(d, entries) for name in NAMES for d in found(name)]
    idle = [entry for entry in entries if not any(entry is other for other in met)]
    assert not idle


def test_a_second_replay_with_other_names_differs_no_more():
    """As against a server that keeps its data: new names and ids, same answers."""
    store = harness.Store("--memory")
    try:
        for run in ("11111", "22222"):
            replay = transcripts.Replay("eventstore-23.10.6", f"http://{store.address}", run)
            entries = transcripts.known()["differences"]
            left = [str(d) for d in replay.differences() if not transcripts.explain(d, entries)]
            assert not left, "\n".join(left)
    finally:
        store.end()
