"""What a capture's database held at the end, and whether rows rebuilt from events equal it.

    state = FinalState("postgres-bank")
    options = state.options()                 # of a rowstream.yaml, for canonical values
    rows = replay(lines of `rowstream map`)   # or any {table: [row, …]} in events' encoding
    differences = state.differences(rows)     # row by row, column by column

Tables are named as in final-state.jsonl: PostgreSQL's schema.table, else db.table.
"""
import gzip
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from json.decoder import scanstring

import harness
from column_values import Reader, Type

FIXTURES = harness.TESTS / "fixtures"
MISSING = "(no such column)"
SPACE = re.compile(r"[ \t\r\n]*")

# What ALTER TABLE made of columns while the connector ran.
ALTERED = {
    "users": {"age": "int", "remark": "varchar(500)"},
    "ev": {"c": "double precision", "a2": "text", "tenant": "text", "id": "bigint"},
    "t_index": {"uq": "int"},
}
# Captured beside another, from one database.
SHARED = {case: "postgres-types-precise" for case in (
    "postgres-types-double", "postgres-types-precise-numeric", "postgres-types-precise-schemas",
    "postgres-types-string", "postgres-types-string-schemas",
    "postgres-types-time-connect-schemas", "postgres-types-time-isostring",
    "postgres-types-time-microseconds", "postgres-types-time-nanoseconds",
    "postgres-types-time-structured")}

# The table's new name, and the key that it got.
RENAMED = {"ev": "ev_renamed"}


@dataclass(frozen=True)
class Difference:
    table: str
    row: str  # the primary key's values, or the whole row of a table without one, as JSON
    column: str  # "+" a row that the database does not have, "-" one that it has alone
    found: object = None
    printed: object = None

    def place(self):
        return f"{self.table} {self.row} {self.column}"


# --- The workload's tables ---

def split_top(text):
    """The parts of a parenthesised list, quotes and inner parentheses respected."""
    parts, depth, start, quote = [], 0, 0, None
    for at, char in enumerate(text):
        if quote:
            quote = None if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            if depth == 0:
                parts.append(text[start:at])
                return parts
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    raise AssertionError(f"a list without end: {text[:80]}")


def unquoted(name):
    return name[1:-1] if name[0] in "\"`" else name


@dataclass
class Table:
    columns: dict  # name: Type
    key: list


def tables_of(sql):
    """{name: Table} of every CREATE TABLE; names without a schema."""
    tables = {}
    for found in re.finditer(r'CREATE TABLE ((?:\w+\.)?(?:"[^"]+"|\w+)) ?\(', sql):
        columns, key = {}, []
        for part in split_top(sql[found.end():]):
            part = part.strip()
            whole_key = re.match(r"PRIMARY KEY\s*\(([^)]*)\)", part)
            if whole_key:
                key = [unquoted(one.strip()) for one in whole_key.group(1).split(",")]
            elif not re.match(r"UNIQUE\s*\(|FOREIGN KEY", part):
                name, rest = re.match(r'("[^"]+"|`[^`]+`|\w+)\s+(.*)', part, re.DOTALL).groups()
                columns[unquoted(name)] = Type(rest)
                if "PRIMARY KEY" in rest:
                    key = [unquoted(name)]
        quoted = re.search(r'"([^"]+)"', found.group(1))
        name = quoted.group(1) if quoted else found.group(1).split(".")[-1]
        tables[name] = Table(columns, key)
    return tables


# --- What the database printed ---

def raw_members(text, at=0):
    """{name: raw JSON text} of the object at `at`; values keep their bytes."""
    decoder, found = json.JSONDecoder(), {}
    at = SPACE.match(text, at).end() + 1
    while text[SPACE.match(text, at).end()] != "}":
        at = SPACE.match(text, at).end()
        name, at = scanstring(text, at + 1, True)
        at = SPACE.match(text, SPACE.match(text, at).end() + 1).end()
        _, end = decoder.raw_decode(text, at)
        found[name] = text[at:end]
        at = SPACE.match(text, end).end()
        at += text[at] == ","
    return found


def printed_rows(case):
    """(table, {column: raw JSON text}) of a case's final-state.jsonl."""
    folder = FIXTURES / case
    packed = folder / "final-state.jsonl.gz"
    text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else \
        (folder / "final-state.jsonl").read_text()
    for line in text.split("\n"):
        if line:
            members = raw_members(line)
            yield json.loads(members["table"]), raw_members(members["row"])


def has_own_state(case):
    return any((FIXTURES / case / name).exists()
               for name in ("final-state.jsonl", "final-state.jsonl.gz"))


def state_of(case):
    """The case whose final-state.jsonl is this one's too: its own, or that of a connector that
    stood at the same database; None where there is none."""
    if has_own_state(case):
        return case
    return SHARED.get(case)


# --- Comparing ---

class FinalState:
    def __init__(self, case):
        self.case = case
        folder = FIXTURES / case
        self.connector = "postgresql" if case.startswith("postgres") else "mysql"
        whole = json.loads((folder / "connector.json").read_text())
        self.modes = whole.get("config", whole)
        self.database = self.modes.get("database.include.list")
        self.reader = Reader(self.connector, self.modes)
        self.tables = tables_of((folder / "workload.sql").read_text())
        for name, columns in ALTERED.items():
            if name in self.tables:
                self.tables[name].columns.update(
                    {column: Type(text) for column, text in columns.items()})
        for old, new in RENAMED.items():
            if old in self.tables:
                self.tables[new] = Table(self.tables[old].columns, ["tenant", "id"])
        self.printed = {}
        for table, row in printed_rows(state_of(case)):
            self.printed.setdefault(self.full_name(table.replace('"', "")), []).append(row)

    def table(self, name):
        return self.tables[name.split(".", 1)[1]]

    # What the configuration must tell where no schema block does.
    def types(self):
        found = {}
        for name, table in self.tables.items():
            for column, type_ in table.columns.items():
                text = self.semantic(type_)
                if text:
                    found[f"{name if self.flattened() else '*.' + name}.{column}"] = text
        return found

    def semantic(self, type_):
        if type_.is_array:
            element = self.semantic(type_.element())
            return element and element + "[]"
        name, time = type_.name, self.modes.get("time.precision.mode")
        precise = self.modes.get("decimal.handling.mode", "precise") == "precise"
        if name in ("numeric", "decimal") and precise:
            scale = type_.number(1, 0)
            # A negative scale arrives modulo 2048.
            return f"decimal({scale % 2048})" if type_.arguments else "decimal"
        if name == "money" and precise:
            return "decimal(2)"
        if type_.unsigned and name == "bigint" and \
                self.modes.get("bigint.unsigned.handling.mode") == "precise":
            return "decimal(0)"
        if time in ("isostring", "structured") or \
                name not in ("date", "time", "timestamp", "datetime") or \
                (name == "timestamp" and self.connector != "postgresql"):
            return None
        if name == "date":
            return "date"
        return f"{'time' if name == 'time' else 'timestamp'}-{self.unit(type_, time)}"

    def unit(self, type_, mode):
        if mode in ("connect", "microseconds", "nanoseconds"):
            return {"connect": "ms", "microseconds": "us", "nanoseconds": "ns"}[mode]
        if type_.name == "time" and (mode == "adaptive_time_microseconds" or
                                     self.connector != "postgresql"):
            return "us"
        default = 6 if self.connector == "postgresql" else 0
        return "us" if type_.number(0, default) > 3 else "ms"

    def has_schemas(self):
        return self.modes.get("value.converter.schemas.enable") == "true" or \
            self.schemas() is not None

    def schemas(self):
        """Avro: the registry's schemas, for `rowstream map --schemas`."""
        return next((FIXTURES / self.case).glob("registry.json"), None)

    def sent_name(self, column):
        if self.modes.get("field.name.adjustment.mode") == "avro":
            return re.sub(r"[^A-Za-z0-9_]", "_", column)
        return column

    def flattened(self):
        return "transforms.unwrap.type" in self.modes

    def options(self):
        path = FIXTURES / self.case / "options.yaml"
        options = json.loads(path.read_text()) if path.exists() else {}
        mapping = options.setdefault("mapping", {})
        mapping["values"] = "canonical"
        mapping.pop("event_types", None)
        if self.flattened():
            options["source"]["flattened_topics"] = ["*.*.*"]  # not the topic of schema changes
        else:
            mapping["stream"] = "{schema}.{table}-{key}" if self.connector == "postgresql" else \
                "{db}.{table}-{key}"
        if not self.has_schemas():
            options["types"] = self.types()
        return options

    # Rows as sets of comparable values.
    def of_event(self, table, row):
        types = {self.sent_name(column): type_
                 for column, type_ in self.table(table).columns.items()}
        return {column: self.reader.of_event(types[column], value)
                for column, value in row.items()}

    def of_print(self, table, row):
        types = self.table(table).columns
        return {self.sent_name(column): self.reader.of_print(types[column], raw)
                for column, raw in row.items()}

    def identity(self, table, row):
        key = self.table(table).key or sorted(row)
        values = [row.get(column) for column in key]
        return json.dumps([value if isinstance(value, (int, str, type(None))) else
                           f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
                           for value in values], ensure_ascii=False)

    def captured(self, table):
        """Whether the connector was to capture the table at all."""
        listed = lambda option: [one.strip() for one in self.modes.get(option, "").split(",")]
        if self.modes.get("table.include.list"):
            return table in listed("table.include.list")
        return table not in listed("table.exclude.list")

    def full_name(self, table):
        """Flattened rows and some captures name their tables without database or schema."""
        if "." in table:
            schema, _, name = table.partition(".")
            return f"{schema}.{RENAMED.get(name, name)}"
        return f"{'public' if self.connector == 'postgresql' else self.database}.{table}"

    def differences(self, rows):
        """Of rows ({table: [row]}) from what the database printed."""
        ours, differences = {}, []
        for table, some in rows.items():
            ours.setdefault(self.full_name(table), []).extend(some)
        for table in sorted(set(ours) | set(filter(self.captured, self.printed))):
            differences += self.table_differences(table, ours.get(table, []))
        return differences

    def table_differences(self, table, rows):
        ours, theirs = {}, {}
        for row in rows:
            row = self.of_event(table, row)
            ours.setdefault(self.identity(table, row), []).append(row)
        for row in self.printed.get(table, []):
            row = self.of_print(table, row)
            theirs.setdefault(self.identity(table, row), []).append(row)
        for key in sorted(set(ours) | set(theirs)):
            mine, printed = ours.get(key, []), theirs.get(key, [])
            for _ in printed[len(mine):]:
                yield Difference(table, key, "-")
            for _ in mine[len(printed):]:
                yield Difference(table, key, "+")
            for row, other in zip(mine, printed):
                yield from self.column_differences(table, key, row, other)

    @staticmethod
    def column_differences(table, key, row, printed):
        for column in sorted(set(row) | set(printed)):
            one, other = row.get(column, MISSING), printed.get(column, MISSING)
            if one != other or isinstance(one, bool) != isinstance(other, bool):
                yield Difference(table, key, column, one, other)


# --- Rows from events ---

def place_of(metadata):
    """The source position for comparing across partitions; None where there is none."""
    position, connector = metadata["position"], metadata["connector"]
    if position is None:
        return None
    parts = position.split(":")
    if connector == "postgresql":
        return tuple(int(part or 0) for part in parts)
    return parts[1], int(parts[2]), int(parts[3] or 0)


@dataclass
class Event:
    stream: str
    data: dict
    metadata: dict

    @property
    def partition(self):
        return self.metadata["topic"], self.metadata["partition"]

    @property
    def op(self):
        return self.metadata["op"]

    def is_after(self, other):
        """In one partition the offset tells, across partitions the source's position; what has
        none (a snapshot's row) comes before everything."""
        if self.partition == other.partition:
            return self.metadata["offset"] > other.metadata["offset"]
        mine, its = place_of(self.metadata), place_of(other.metadata)
        return mine is not None and (its is None or mine > its)


def events_of(lines):
    """Events of row changes and truncates from `rowstream map`'s lines."""
    for line in lines:
        found = json.loads(line, parse_float=Decimal)
        assert "refused" not in found, line
        if "skipped" not in found and found["metadata"]["op"] in tuple("cudrt"):
            yield Event(found["stream"], found["data"], found["metadata"])


def table_of(metadata):
    parts = metadata["table"].split(".")
    if metadata["connector"] == "postgresql":
        return ".".join(parts[1:])
    return metadata["table"]


class Rows:
    """The rows of one table, latest per key; rows without key as a list."""

    def __init__(self, truncates):
        self.truncates = truncates
        self.keyed = {}  # stream: (event, row)
        self.keyless = []  # (event, row)

    def apply(self, event):
        key, after = event.data.get("key"), event.data.get("after")
        if key is None or "~partition:" in event.stream:
            self.apply_keyless(event)
            return
        before = self.keyed.get(event.stream)
        if before and before[0].partition != event.partition and before[0].is_after(event):
            return
        if event.op != "d":
            after = self.filled(after, before, event.metadata.get("placeholders", ()))
        self.keyed[event.stream] = (event, None if event.op == "d" else after)

    @staticmethod
    def filled(after, before, placeholders):
        """A column that was not sent anew keeps what the row had."""
        if not before or before[1] is None:
            return after
        return {**after, **{name: before[1][name] for name in placeholders if name in before[1]}}

    def apply_keyless(self, event):
        if event.op in "ud":
            old = event.data.get("before")
            for at, (_, row) in enumerate(self.keyless):
                if row == old:
                    del self.keyless[at]
                    break
        if event.op != "d":
            self.keyless.append((event, event.data["after"]))

    def left(self):
        every = [*self.keyed.values(), *self.keyless]
        return [row for event, row in every if row is not None and
                not any(truncate.is_after(event) for truncate in self.truncates)]


def replay(lines):
    """{table: [row]} at the end of `rowstream map`'s lines (canonical values)."""
    events, tables = list(events_of(lines)), {}
    for event in events:
        table = table_of(event.metadata)
        if table not in tables:
            tables[table] = Rows([one for one in events if one.op == "t" and
                                  table_of(one.metadata) == table])
        if event.op != "t":
            tables[table].apply(event)
    return {table: rows.left() for table, rows in tables.items()}
