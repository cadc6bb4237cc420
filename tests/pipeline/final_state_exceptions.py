"""Where a connector tells something else than the database held: each place with its reason. Each
must occur: an exception that is one no more fails."""
import fnmatch
import re

MYSQLS = "m*-default m*-flattened mariadb-schemas mysql-schemas"

ALL_TYPES = "postgres-types-* !postgres-types-time-* !postgres-types-precise-numeric "
TIMES = "postgres-types-* !postgres-types-precise-numeric !postgres-types-time-connect-schemas "

# (cases, place, reason): the place is "table [key] column"; + is a row that the database does not
# have, - one that only it has.
EXCEPTIONS = [
    # replace.null.with.default writes a NULL as the column's default.
    ("postgres-default postgres-schemas", r"public\.users \[[14]\] note",
     "a NULL arrives as its column's default"),

    # Types that the connector does not carry, or not in streamed rows.
    (ALL_TYPES, r"public\.odd \[\d+\] comp", "composite types are left out, or as their bytes"),
    (ALL_TYPES, r"public\.odd \[10[12]\] gen",
     "generated columns are in rows of the snapshot only"),
    (ALL_TYPES + "!postgres-types-string", r"public\.texts \[10[1-7]\] nm",
     "a value of type name is null in streamed rows, but with include.unknown.datatypes"),
    ("postgres-types-* !postgres-types-time-*", r"public\.arrs \[1\] a2",
     "arrays of arrays are arrays of nulls"),

    # Beyond what the connector's numbers hold.
    (TIMES + "!postgres-types-time-structured",
     r"public\.times_special \[(10)?[12]\] d", "an infinite date is some day far away"),
    (TIMES, r"public\.times_special \[[34]\] d",
     "dates before Christ are wrong in rows of the snapshot"),
    (TIMES + "!postgres-types-time-isostring !*-nanoseconds !*-structured",
     r"public\.times_special \[(10)?5\] ts",
     "the largest timestamps wrap around, or lose their microseconds"),
    (TIMES + "!postgres-types-string* !postgres-types-time-structured",
     r"public\.times_special \[(10)?[12]\] iv",
     "the longest intervals are the largest 64-bit number"),
    ("postgres-types-double postgres-types-time-isostring",
     r"public\.times_special \[(10)?[12]\] ts",
     "an infinite timestamp is the last of Java's milliseconds"),
    ("postgres-types-double postgres-types-time-connect-schemas",
     r"public\.times \[(103|2|3)\] (t|ts|ts6)", "time.precision.mode=connect has milliseconds"),
    ("postgres-types-time-nanoseconds",
     r"public\.times(_special)? \[(10)?[345]\] ts[03]?",
     "timestamps that 64 bits of nanoseconds cannot hold are null"),
    ("postgres-types-time-isostring postgres-types-time-structured",
     r"public\.times \[(10)?4\] t", "24:00 is 00:00, or null"),
    ("postgres-types-double", r"public\.numbers \[(10)?[125]\] (m|n_38_0|n_50_20|n_free)",
     "doubles have 17 digits"),
    ("postgres-keys-double", r"public\.k_num(free)? \[.*\] [+-]", "doubles have 17 digits"),

    # Keys and identities.
    ("postgres-keys-string", r"public\.k_uniqnull \[null, \"x\"\] -",
     "rows whose only key column is NULL share a key, which as a string names one stream"),
    ("postgres-toast*", r"public\.t_index \[[12]\] \+",
     "REPLICA IDENTITY USING INDEX: no delete tells the key, and a new key comes as an update"),

    # The schema changed in mid-stream, and old rows were not sent again.
    ("postgres-evolution*", r"public\.ev_renamed \[null, [1234]\] \+",
     "rows from before the new primary key have other streams"),
    ("postgres-evolution*", r"public\.ev_renamed \[\"t\", [124]\] -",
     "rows that got their key by ALTER TABLE were not sent again"),
    (MYSQLS + " m*-precise",
     r"\w+\.users \[(1|3|7|9|101)\] (age|balance|note|remark)",
     "rows from before ALTER TABLE were not sent again"),
    (MYSQLS + " m*-precise m*-tx", r"\w+\.child \[[123]\] \+",
     "neither cascades of a foreign key nor DROP TABLE are rows in the binlog"),

    # bigint.unsigned.handling.mode=long
    (MYSQLS + " m*-tx",
     r"\w+\.types_num \[(10)?[1234]\] (biu|sr)", "unsigned numbers above 2^63 arrive negative"),
    (MYSQLS + " m*-tx", r"\w+\.kbig \[(-1|-2)\] \+",
     "unsigned keys above 2^63 arrive negative"),
    (MYSQLS + " m*-tx", r"\w+\.kbig \[184467440737095516\d\d\] -",
     "unsigned keys above 2^63 arrive negative"),

    # Times of MariaDB and MySQL.
    (MYSQLS + " m*-precise m*-tx",
     r"\w+\.types_time \[(10)?[45]\] (d|dnn|dt|dt3|dt6|dtnn|ts)",
     "dates of zeros are null, or 1970-01-01 where null cannot be"),
    (MYSQLS + " m*-precise m*-tx", r"\w+\.types_time \[999\] y",
     "the year 0 arrives as 1900"),
    (MYSQLS + " m*-precise m*-tx", r"\w+\.types_time \[(10)?3\] dt6",
     "years below 100 are taken for years with two digits (enable.time.adjuster)"),
    ("m*-precise", r"\w+\.types_time \[(10)?3\] (t|t3|t6)",
     "time.precision.mode=connect: times beyond a day are null"),
    ("m*-precise", r"\w+\.types_time \[(10)?2\] (t6|dt6)",
     "time.precision.mode=connect has milliseconds"),

    # ExtractNewRecordState
    ("m*-flattened", r"\w+\.nokey \[.*\] \+",
     "flattened rows without key: updates have no image before, truncates do not come"),

    # The captures themselves.
    (ALL_TYPES, r"public\.texts \[4\] t", "final-state.jsonl lost U+10FFFF"),
    ("postgres-toast*", r"public\.t_(nothing|nopk|nopk_default) \[.*\] \+",
     "final-state.jsonl holds t_default only"),
]


def is_among(case, patterns):
    """Names with *; one with ! before it takes away."""
    named = [one for one in patterns.split() if fnmatch.fnmatch(case, one.lstrip("!"))]
    return bool(named) and not any(one.startswith("!") for one in named)


def exceptions_of(case):
    return [(place, why) for cases, place, why in EXCEPTIONS if is_among(case, cases)]


def check(case, differences):
    """Differences are the exceptions, all of them, and nothing else."""
    places = [one.place() for one in differences]
    exceptions = exceptions_of(case)
    unexpected = [one for one, place in zip(differences, places)
                  if not any(re.fullmatch(pattern, place) for pattern, _ in exceptions)]
    assert not unexpected, f"{case}: " + "\n".join(
        f"{one.place()}: found {one.found!r}, the database has {one.printed!r}"
        for one in unexpected)
    for pattern, why in exceptions:
        assert any(re.fullmatch(pattern, place) for place in places), \
            f"{case}: no exception any more: {why} ({pattern})"
