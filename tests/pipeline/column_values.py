"""Column values of PostgreSQL, MariaDB and MySQL in one comparable form, from two sides: as an
event carries them (Debezium's encodings, or canonical text) and as the database itself prints them.

A column's type is the SQL text of its declaration, "numeric(12,2)" or "bigint unsigned".
"""
import base64
import json
import re
import struct
from dataclasses import dataclass
from decimal import Decimal

INTEGERS = {"int", "integer", "smallint", "bigint", "serial", "bigserial", "tinyint", "mediumint",
            "oid", "year", "posint"}
DECIMALS = {"numeric", "decimal"}
BINARIES = {"binary", "varbinary", "blob", "longblob", "bytea"}
GEOMETRIES = {"geometry", "point", "linestring", "polygon", "line", "box", "circle", "path", "lseg"}
TIMES = {"date", "time", "timetz", "timestamp", "timestamptz"}
TYPE = re.compile(r'\s*("char"|double precision|\w+)(?:\s*\(([^)]*)\))?(\s+unsigned)?((?:\[\])*)',
                  re.IGNORECASE)
SECOND_US = 1_000_000
DAY_US = 86400 * SECOND_US
MONTH_US = Decimal("30.4375") * DAY_US  # Debezium's: a twelfth of 365.25 days


class Type:
    """A declared type: its name in lower case, arguments, whether it is an array."""

    def __init__(self, text):
        name, arguments, unsigned, brackets = TYPE.match(text).groups()
        self.name = name.lower()
        self.arguments = [one.strip() for one in (arguments or "").split(",") if one.strip()]
        self.unsigned = bool(unsigned)
        self.brackets = brackets
        self.is_array = bool(brackets)

    def number(self, index, default):
        return int(self.arguments[index]) if len(self.arguments) > index else default

    def element(self):
        copy = Type(self.name)
        copy.arguments, copy.unsigned = self.arguments, self.unsigned
        copy.brackets = self.brackets[2:]
        copy.is_array = bool(copy.brackets)
        return copy


# --- Calendar ---

def days_of(year, month, day):
    """Days since 1970-01-01, proleptic Gregorian, for any year."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468


def clock_us(text):
    """Microseconds of "-838:59:59.9"; further digits must be zeros."""
    sign, hours, minutes, seconds, fraction = re.fullmatch(
        r"([+-]?)(\d+):(\d\d)(?::(\d\d)(?:\.(\d+))?)?", text).groups()
    fraction = (fraction or "").ljust(6, "0")
    assert not fraction[6:].strip("0"), text
    whole = (int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)) * SECOND_US
    return (-1 if sign == "-" else 1) * (whole + int(fraction[:6]))


def offset_us(text):
    """Of "Z", "+00", "-08" or "+05:30"; nothing is UTC."""
    if text in ("", "Z"):
        return 0
    return clock_us(text if ":" in text else text + ":00")


def instant_us(text):
    """Microseconds since 1970 of a date or a timestamp, years before Christ included; a word
    (infinity) and MariaDB's dates of zeros stay text."""
    found = re.fullmatch(r"([+-]?\d{4,})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?"
                         r"(Z|[+-]\d\d(?::\d\d)?|)( BC)?", text)
    if not found or found.group(2) == "00" or found.group(3) == "00":
        return text
    year, month, day, clock, zone, before_christ = found.groups()
    year = 1 - int(year) if before_christ else int(year)
    return days_of(year, int(month), int(day)) * DAY_US + clock_us(clock or "00:00") - \
        offset_us(zone)


def zoned_time_us(text):
    clock, zone = re.fullmatch(r"([\d:.]+)(Z|[+-]\d\d(?::\d\d)?|)", text).groups()
    return (clock_us(clock) - offset_us(zone)) % DAY_US


def interval_us(text):
    """PostgreSQL's "1 year 2 mons 3 days 04:05:06.7" as Debezium counts it."""
    total = Decimal(0)
    for amount, unit in re.findall(r"([+-]?\d+) (year|mon|day)s?", text):
        total += int(amount) * {"year": 12 * MONTH_US, "mon": MONTH_US, "day": DAY_US}[unit]
    clock = re.search(r"[+-]?\d+:\d\d:\d\d(\.\d+)?$", text)
    return int(total) + (clock_us(clock.group()) if clock else 0)


def iso_interval_us(text):
    """interval.handling.mode=string: "P-1Y2M3DT4H5M-6.789S"."""
    total = Decimal(0)
    date, _, clock = text[1:].partition("T")
    for part, units in ((date, {"Y": 12 * MONTH_US, "M": MONTH_US, "D": DAY_US}),
                        (clock, {"H": 3600 * SECOND_US, "M": 60 * SECOND_US, "S": SECOND_US})):
        for amount, unit in re.findall(r"([+-]?[\d.]+)([YMDHS])", part):
            total += Decimal(amount) * units[unit]
    return int(total)


def structured_us(value):
    """time.precision.mode=structured: an object of the parts, without those that a type lacks."""
    if value.get("specialValue"):
        return {"POSITIVE_INFINITY": "infinity", "NEGATIVE_INFINITY": "-infinity"}[
            value["specialValue"]]
    days = days_of(value["year"], value["month"], value["day"]) if "year" in value else 0
    seconds = value.get("hour", 0) * 3600 + value.get("minute", 0) * 60 + value.get("second", 0) - \
        (value.get("offsetSeconds") or 0)
    whole = days * DAY_US + seconds * SECOND_US + value.get("nanos", 0) // 1000
    return whole % DAY_US if "offsetSeconds" in value and "year" not in value else whole


def structured_interval_us(value):
    months = (value["years"] * 12 + value["months"]) * MONTH_US
    seconds = value["hours"] * 3600 + value["minutes"] * 60 + value["seconds"]
    return int(months) + value["days"] * DAY_US + seconds * SECOND_US + value["nanos"] // 1000


# --- Geometry ---

def well_known_text(encoded):
    """WKT, as MariaDB prints it, of base64 WKB."""
    text, rest = _shape(base64.b64decode(encoded))
    assert not rest, encoded
    return text


def _shape(wkb):
    order = "<" if wkb[0] else ">"
    kind, = struct.unpack_from(order + "I", wkb, 1)
    if kind == 1:
        return f"POINT({_pair(order, wkb, 5)})", wkb[21:]
    if kind == 2:
        points, rest = _points(order, wkb[5:])
        return f"LINESTRING({points})", rest
    count, = struct.unpack_from(order + "I", wkb, 5)
    parts, rest = [], wkb[9:]
    for _ in range(count):
        part, rest = _points(order, rest) if kind == 3 else _shape(rest)
        parts.append(f"({part})" if kind == 3 else part)
    return {3: "POLYGON", 7: "GEOMETRYCOLLECTION"}[kind] + f"({','.join(parts)})", rest


def _pair(order, wkb, at):
    return " ".join(f"{one:g}" for one in struct.unpack_from(order + "dd", wkb, at))


def _points(order, wkb):
    count, = struct.unpack_from(order + "I", wkb)
    return ",".join(_pair(order, wkb, 4 + 16 * i) for i in range(count)), wkb[4 + 16 * count:]


# PostgreSQL's own notation, from the points of a shape.
def postgresql_shape(kind, value):
    if kind == "line":
        return "{%s}" % ",".join(f"{float(value[name]):g}" for name in "abc")
    if kind == "circle":
        x, y, radius = (float(one) for one in (value["center"]["x"], value["center"]["y"],
                                               value["radius"]))
        return f"<({x:g},{y:g}),{radius:g}>"
    text = well_known_text(value["wkb"])
    points = [f"({point.replace(' ', ',')})" for point in
              re.sub(r"^\w+|[()]", "", text).split(",")]
    if kind == "box":  # upper right and lower left of its five corners
        return f"{points[0]},{points[2]}"
    if kind == "point":
        return points[0]
    if kind == "polygon":  # a ring ends where it began
        points.pop()
    return ("[%s]" if kind == "lseg" else "(%s)") % ",".join(points)


# --- Numbers, bits, bytes ---

def single(value):
    """The nearest 32-bit float, which is all that the column held."""
    return repr(struct.unpack("f", struct.pack("f", float(value)))[0] + 0.0)


def decimal(value):
    """A number by its value; PostgreSQL's other ones by their name."""
    text = {"NAN": "NaN", "POSITIVE_INFINITY": "Infinity",
            "NEGATIVE_INFINITY": "-Infinity"}.get(value, value)
    return text if text in ("NaN", "Infinity", "-Infinity") else Decimal(str(text))


def floating(value):
    """A double; names as Java and PostgreSQL write them, and no negative zero."""
    return repr(float(value) + 0.0)


def bits_of_event(value):
    if isinstance(value, bool):
        return int(value)
    return int.from_bytes(base64.b64decode(value, validate=True), "little")


def bytes_of_event(value, mode):
    if mode == "hex":
        return bytes.fromhex(value)
    if mode == "base64-url-safe":
        return base64.urlsafe_b64decode(value)
    return base64.b64decode(value, validate=True)


def bytes_of_print(value, postgresql):
    return bytes.fromhex(value[2:]) if postgresql else base64.b64decode(value, validate=True)


# --- JSON ---

def exact_json(value):
    """As a tree in which the order of members, repeated ones and numbers' values count."""
    text = value if isinstance(value, str) else None
    return json.loads(text, object_pairs_hook=lambda pairs: ("object", tuple(pairs)),
                      parse_float=Decimal, parse_int=Decimal) if text is not None else value


# --- Both sides ---

@dataclass(frozen=True)
class Unreadable:
    value: object


class Reader:
    """Values of one database (its connector) under the connector's modes."""

    def __init__(self, connector, modes):
        self.postgresql = connector == "postgresql"
        self.binary = modes.get("binary.handling.mode", "bytes")

    def of_event(self, type_, value):
        """`value` as json.loads gives it with Decimal for every fraction. What is not in the form
        of its type stays as it is, and equals nothing that a database prints."""
        try:
            return self._of_event(type_, value)
        except (ValueError, TypeError, ArithmeticError, struct.error):
            return Unreadable(value)

    def _of_event(self, type_, value):
        if value is None:
            return None
        if type_.is_array:
            return [self._of_event(type_.element(), one) for one in value]
        name = type_.name
        if name == "boolean" and self.postgresql:
            return value
        if name in INTEGERS or name == "boolean":
            return int(value)
        if name in DECIMALS or name == "money":
            return decimal(value)
        if name in ("real", "float"):
            return single(value)
        if name in ("double", "double precision"):
            return floating(value)
        if name in ("bit", "varbit"):
            return bits_of_event(value)
        if name in BINARIES:
            return bytes_of_event(value, self.binary)
        if name == "interval":
            return self.interval(value)
        if isinstance(value, dict) and name in TIMES:
            return structured_us(value)
        if name in ("date", "timestamp", "timestamptz", "datetime"):
            return instant_us(value)
        if name == "time":
            return clock_us(value.rstrip("Z"))
        if name == "timetz":
            return zoned_time_us(value)
        if name in ("json", "jsonb"):
            return exact_json(value)
        if name == "hstore":
            return value if isinstance(value, dict) else dict(exact_json(value)[1])
        if name in GEOMETRIES:
            return postgresql_shape(name, value) if self.postgresql else \
                well_known_text(value["wkb"])
        return value

    @staticmethod
    def interval(value):
        if isinstance(value, dict):
            return structured_interval_us(value)
        return iso_interval_us(value) if isinstance(value, str) else int(value)

    def of_print(self, type_, raw):
        """`raw` is the JSON text of the value as the database printed it."""
        value = exact_json(raw)
        if type_.name in ("json", "jsonb") and not type_.is_array:
            return value
        return self._of_print(type_, value)

    def _of_print(self, type_, value):
        if value is None:
            return None
        if type_.is_array:
            return [self._of_print(type_.element(), one) for one in value]
        name = type_.name
        if name == "boolean" and self.postgresql:
            return value
        if name in INTEGERS or name == "boolean":
            return int(value)
        if name in DECIMALS:
            return decimal(value)
        if name == "money":
            return Decimal(re.sub(r"[$,]", "", value))
        if name in ("real", "float"):
            return single(value)
        if name in ("double", "double precision"):
            return floating(value)
        if name in ("bit", "varbit"):
            return int("0" + value, 2) if self.postgresql else int(value)
        if name in BINARIES:
            return bytes_of_print(value, self.postgresql)
        if name in ("date", "timestamp", "timestamptz", "datetime"):
            return instant_us(value)
        if name == "time":
            return clock_us(value)
        if name == "timetz":
            return zoned_time_us(value)
        if name == "interval":
            return interval_us(value)
        if name == "hstore":
            return dict(value[1])
        return value
