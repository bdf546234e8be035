"""Executes Athena's SQL with DuckDB over CloudTrail records.

Usage: run.py RECORDS.json QUERY.sql      (rows as JSON lines on standard output)
       run.py --parse DDL.sql             (checks that a table definition is well formed)

The records become the table that `denials --athena-ddl` defines: nested identity, request parameters
as text, partition columns. Partition columns come from each record's own `_partition` member, which
stands for the folder it was delivered in.
"""
import json
import sys

import duckdb
import sqlglot

IDENTITY = (
    "STRUCT(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, invokedby VARCHAR, "
    "accesskeyid VARCHAR, username VARCHAR, sessioncontext STRUCT(sessionissuer STRUCT(type VARCHAR, "
    "principalid VARCHAR, arn VARCHAR, accountid VARCHAR, username VARCHAR)))"
)
TEXTS = (
    "eventtime eventsource eventname awsregion sourceipaddress useragent errorcode errormessage "
    "requestparameters responseelements eventid readonly recipientaccountid sharedeventid vpcendpointid account region day"
).split()


def lower(value):
    if isinstance(value, dict):
        return {key.lower(): lower(member) for key, member in value.items()}
    return value


def identity(value):
    def pick(source, names):
        source = source or {}
        return {name: source.get(name) for name in names}

    if value is None:
        return None
    value = lower(value)
    picked = pick(value, "type principalid arn accountid invokedby accesskeyid username".split())
    context = value.get("sessioncontext")
    issuer = (context or {}).get("sessionissuer")
    names = "type principalid arn accountid username".split()
    picked["sessioncontext"] = {"sessionissuer": pick(issuer, names) if issuer else None} if context else None
    return picked


def row(record):
    flat = {key.lower(): value for key, value in record.items()}
    flat.update(record.get("_partition", {}))
    for name in ("requestparameters", "responseelements"):
        flat[name] = None if flat.get(name) is None else json.dumps(flat[name])
    if isinstance(flat.get("readonly"), bool):
        flat["readonly"] = str(flat["readonly"]).lower()
    return [identity(flat.get("useridentity"))] + [flat.get(name) for name in TEXTS]


def main():
    if sys.argv[1] == "--parse":
        sqlglot.parse_one(open(sys.argv[2]).read(), read="athena")
        return
    records = json.load(open(sys.argv[1]))
    query = sqlglot.transpile(open(sys.argv[2]).read(), read="athena", write="duckdb")[0]
    database = duckdb.connect()
    database.execute("ATTACH ':memory:' AS logs")
    # Athena's DATABASE.TABLE is DuckDB's schema and table.
    database.execute("CREATE SCHEMA IF NOT EXISTS trails")
    columns = ", ".join(f'"{name}" VARCHAR' for name in TEXTS)
    database.execute(f'CREATE TABLE trails.cloudtrail (useridentity {IDENTITY}, {columns})')
    marks = ", ".join("?" for _ in range(len(TEXTS) + 1))
    for record in records:
        database.execute(f"INSERT INTO trails.cloudtrail VALUES ({marks})", row(record))
    result = database.execute(query)
    names = [column[0] for column in result.description]
    for values in result.fetchall():
        print(json.dumps({name: "" if value is None else str(value) for name, value in zip(names, values)}))


main()
