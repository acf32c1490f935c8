"""Values of a real PostgreSQL arrive as the database writes them, whatever their type, or are set aside by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from nightshift.errors import DeclarationError, NightshiftError
from nightshift.home.settings import Settings
from nightshift.ingest.landing.judge_records import judged
from nightshift.ingest.landing.records import read_records
from nightshift.ingest.sources.database_connection import Connection
from nightshift.ingest.sources.relation import relation
from tests.nightshift.ingest.sources.orders import COLUMNS, FIRST, order, rows, table, taken
from tests.other_database import PASSWORD, USER, Database

# By type: values of three rows.
ODD = {
    "timestamp": ("infinity", "294276-12-31 23:59:59.999999", "0044-03-15 12:00 BC"),
    "timestamp(0)": ("2013-03-31 02:30", "-infinity", None),  # 02:30 is no time of Berlin
    "timestamptz": ("-infinity", "294276-12-31 00:00Z", "0044-03-15 12:00Z BC"),
    "date": ("infinity", "5874897-12-31", "4713-01-01 BC"),
    "time": ("24:00", "02:30", "23:59:59.999999"),
    "timetz": ("24:00-15:59", "12:00:00.000001+02", None),
    "interval": ("1 year -2 mons +3 days -04:05:06.7", "178000000 years", "0"),
    "numeric": ("NaN", "Infinity", "12345678901234567890123456789012345678901.5"),
    "numeric(50,2)": ("1.5", "1e25", "NaN"),
    "numeric(40,34)": ("0.0000000000000000000000000000000001", "-0", None),
    "float4": ("1.1", "NaN", "3.4028235e38"),
    "float8": ("1.7976931348623157e308", "-Infinity", "-0"),
    "int8": ("9223372036854775807", "0", None),
    "bool": ("t", "f", None),
    "money": ("$1,234.56", "-0.01", None),
    "char(5)": ("ab", "", None),
    '"char"': ("a", "", None),
    "bit(3)": ("101", "000", None),
    "bit varying": ("1", "", None),
    "bytea": (r"\x00ff5c27", "", None),
    "json": ('{"a": 1.0, "a": NaN}'.replace("NaN", "1e400"), "null", '"\\u0000"'),
    "jsonb": ('{"b": 12345678901234567890.10}', "[]", None),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None, None),
    "inet": ("192.168.0.1", "10.0.0.0/8", "::1"),
    "cidr": ("10.0.0.0/8", None, None),
    "macaddr": ("08:00:2b:01:02:03", None, None),
    "point": ("(1.5,-0)", None, None),
    "polygon": ("((0,0),(1,1),(2,0))", None, None),
    "oid": ("4294967295", None, None),
    "regclass": ("pg_class", None, None),
    "tsvector": ("a fat cat", None, None),
    "pg_lsn": ("16/B374D848", None, None),
    "int[][]": ("{{1,2},{3,NULL}}", "{}", "[0:1]={1,2}"),
    "text[]": (r'{a,"b \"c\"",NULL,"NULL"}', None, None),
    "numrange": ("[1.50,)", "empty", None),
    "mood": ("sad; not happy", None, None),
    "amount_of": ("7.50", None, None),
    "pair": ('(1,"a ""b""")', "(,)", None),
    "text": ("  a\r\n\t\x1b[31m\u202e\u2028", "", "🛫 \\ \" '"),
}
# Names that mean something to SQL, Spark, Delta or Parquet, or are alike but for their case.
NAMES = ["_metadata", "_batch_date", "a.b", "A.B", "ID", "select", "`tick`", 'quo"te', "per%cent", "a b", "ü", "?"]
NAMES += ["extra", "dated", "part"]
READABLE = ["id", "current_date", "user", "Note", "end", "seen", "price", *[f"c{n}" for n in range(len(ODD))], *NAMES]
RELATION = 'My Schema."Odd. ""Table"""'
TABLE = '"My Schema"."Odd. ""Table"""'


@pytest.fixture
def odd(orders: Database) -> Iterator[Database]:
    """One table with all types, for a user whose settings write everything otherwise."""
    settings = {
        "DateStyle": "German",
        "TimeZone": "Europe/Berlin",
        "IntervalStyle": "iso_8601",
        "extra_float_digits": "-5",
        "bytea_output": "escape",
        "standard_conforming_strings": "off",
        "quote_all_identifiers": "on",
    }
    columns = ", ".join(f'"c{place}" {kind}' for place, kind in enumerate(ODD))
    named = ", ".join(f"{_quoted(name)} text DEFAULT 'x'" for name in NAMES)
    orders.run(
        'CREATE SCHEMA "My Schema"',
        f'GRANT USAGE ON SCHEMA "My Schema" TO {USER}',
        "CREATE TYPE mood AS ENUM ('sad; not happy')",
        "CREATE DOMAIN amount_of AS numeric(9,2)",
        "CREATE TYPE pair AS (a int, b text)",
        f'CREATE TABLE {TABLE} (id bigint, "current_date" timestamptz, "user" numeric, "Note" text, "end" date, '
        f"seen timestamptz, price numeric, {columns}, {named}, secret text)",
        f"GRANT SELECT ({', '.join(map(_quoted, READABLE))}) ON {TABLE} TO {USER}",
        *[f"ALTER ROLE {USER} SET {name} = '{value}'" for name, value in settings.items()],
    )
    connection = orders.connect()
    with connection.cursor() as cursor:
        for place in range(3):
            values = [each[place] for each in ODD.values()]
            names = ", ".join(f'"c{number}"' for number in range(len(ODD)))
            cursor.execute(
                f'INSERT INTO {TABLE} (id, "current_date", "user", "Note", "end", seen, price, {names}) VALUES '
                f"({', '.join(['%s'] * (7 + len(ODD)))})",
                [place, "2013-10-01T12:00:00Z", ("NaN", "1e30", "1")[place], "n", *_declared(place), *values],
            )
        # Of no date: not of this one either.
        cursor.execute(
            f"""INSERT INTO {TABLE} (id, "current_date") VALUES (9, 'infinity'), (8, '-infinity'), (7, NULL)"""
        )
    connection.close()
    yield orders
    orders.run(
        'DROP SCHEMA "My Schema" CASCADE',
        "DROP TYPE mood, pair",
        "DROP DOMAIN amount_of",
        f"ALTER ROLE {USER} RESET ALL",
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _declared(place: int) -> tuple[str, str, str]:
    """A good row, and two that are impossible as what is declared."""
    return (
        ("2013-03-31", "2013-10-01 12:00:00.5Z", "1.50"),
        ("infinity", "-infinity", "NaN"),
        ("0044-03-15 BC", "294276-12-31 00:00Z", "1e400"),
    )[place]


def _text_by_the_database(database: Database) -> dict[int, dict[str, str | None]]:
    """All undeclared values as PostgreSQL sends them, with its own defaults, but for the time zone."""
    names = [f"c{place}" for place in range(len(ODD))] + NAMES
    # `format` writes what is sent; a boolean alone is written as the cast does.
    sent = {name: f"format('%s', {_quoted(name)})" for name in names} | {BOOLEAN: f"{BOOLEAN}::text"}
    shown = [f"CASE num_nulls({_quoted(name)}) WHEN 0 THEN {sent[name]} END" for name in names]
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'; SET extra_float_digits = 3; SET lc_monetary = 'C'")
        cursor.execute(f"SELECT id, {', '.join(shown)} FROM {TABLE}")
        found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}
    connection.close()
    return found


BOOLEAN = f"c{list(ODD).index('bool')}"
DECLARED = [
    COLUMNS[0],
    {"name": "note", "type": "string", "description": "a note, which the database calls Note"},
    {"name": "last_day", "type": "date", "description": "a day, which the database calls end"},
    {"name": "seen", "type": "timestamp", "description": "when seen"},
    {"name": "price", "type": "double", "description": "a price"},
]


def test_values_of_all_types_arrive_as_the_database_writes_them_or_are_set_aside_by_name(spark, odd: Database) -> None:
    declared = table(
        DECLARED,
        relation=RELATION,
        date_column="current_date",
        partition_column="user",
        partitions=2,
        names={"last_day": "end"},
    )
    delivery = taken(spark, declared, FIRST)
    assert delivery.faults == ()
    assert delivery.warnings[1:] == (
        f"jdbc:crm.{RELATION} has the undeclared 'secret', which is left out: the user may not read it",
    )
    found = {row.id: row for row in judged(read_records(spark, declared, delivery.of(declared)), declared).collect()}
    aside = {identity: json.loads(row.extra) for identity, row in found.items()}
    sent = _text_by_the_database(odd)
    assert aside == {identity: sent[identity] for identity in (0, 1, 2)}

    good, *bad = [found[identity] for identity in (0, 1, 2)]
    assert (good.note, str(good.last_day), good.price) == ("n", "2013-03-31", 1.5)
    assert str(good.seen) == "2013-10-01 12:00:00.500000"
    assert (good["_rules"], [row["_rules"] for row in bad]) == (
        "",
        ["last_day.type,seen.type,price.type", "last_day.type,seen.type,price.finite"],
    )
    assert bad[0]["_reason"] == (
        "last_day: 'infinity' is not a date; seen: '-infinity' is not a timestamp like 2013-10-01T12:00:00Z; "
        "price: 'NaN' is not a double"
    )
    assert json.loads(bad[0]["_raw"]) == {
        "id": 1,
        "note": "n",
        "last_day": "infinity",
        "seen": "-infinity",
        "price": "NaN",
        **aside[1],
    }


def test_bytes_that_are_no_text_are_left_out_by_name_or_named_where_they_are_declared(
    spark, home: Settings, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in SQL_ASCII takes any byte for text; what is sent is UTF-8."""
    shop.run("CREATE DATABASE legacy ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", name="postgres")
    for part, value in (("URL", shop.url.replace("/shop", "/legacy")), ("USER", USER), ("PASSWORD", PASSWORD)):
        monkeypatch.setenv(f"NIGHTSHIFT_JDBC_CRM_{part}", value)
    shop.run(
        "CREATE TABLE orders (id bigint, amount float8, created_at timestamptz, note text, old text, plain text)",
        f"GRANT SELECT ON orders TO {USER}",
        r"INSERT INTO orders VALUES (1, 1, '2013-10-01T12:00:00Z', 'a', convert_from('\374', 'SQL_ASCII'), 'b')",
        name="legacy",
    )
    delivery = taken(spark, table(), FIRST)
    (row,) = rows(spark, table(), delivery)
    assert (row.fields.note, row.extra) == ("a", '{"plain":"b"}')
    assert [each for each in delivery.warnings if "'old', which is left out: ERROR: invalid byte sequence" in each]
    shop.run("UPDATE orders SET note = old", name="legacy")
    with pytest.raises(NightshiftError, match=r"could not give the column 'note' of .*: ERROR: invalid byte sequence"):
        taken(spark, table(), FIRST)


def test_a_relation_is_found_as_it_is_written_then_as_postgresql_folds_it(spark, orders: Database) -> None:
    orders.run('CREATE TABLE "ORDERS" (id int)', 'CREATE VIEW "a.b" AS SELECT 1 AS one')
    try:
        names = {"public.Orders": "orders", "ORDERS": "ORDERS", '"orders"': "orders", "Public.orders": "orders"}
        for written, name in {**names, 'public."a.b"': "a.b"}.items():
            found = relation(spark, Connection.of("crm"), written)
            assert (found.schema, found.name) == ("public", name)
        near = r"has no relation '\"Orders\"'; near are public.ORDERS, public.orders"
        with pytest.raises(DeclarationError, match=near):
            relation(spark, Connection.of("crm"), '"Orders"')
    finally:
        orders.run('DROP TABLE "ORDERS"', 'DROP VIEW "a.b"')


@pytest.mark.parametrize(
    ("change", "source", "said"),
    [
        (
            f"REVOKE SELECT ON orders FROM {USER}",
            {},
            "does not let its user read public.orders: permission denied for 'id'",
        ),
        ("SELECT 1", {"date_column": "made_at"}, "has no column 'made_at', the date_column of its source"),
        ("SELECT 1", {"partition_column": "note"}, "'note' is text, and a partition_column is an integer"),
    ],
)
def test_what_can_not_be_asked_for_is_named(
    spark, orders: Database, change: str, source: dict[str, Any], said: str
) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"), change)
    with pytest.raises(NightshiftError) as refusal:
        taken(spark, table(**source), FIRST).refuse_faults()
    assert said in str(refusal.value)
    assert "PASSWORD" not in str(refusal.value)
