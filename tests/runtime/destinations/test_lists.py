from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from journeys import errors
from journeys.destinations import CSVFile, Mailchimp, Record, SQLTable
from journeys.ports import AsyncDestination, Destination, ListDestination
from tests.runtime.destinations import schemas
from tests.runtime.destinations.support import LOCAL, Server, delivery, listed
from tests.runtime.destinations.test_vendors import basic, checked


def members(kind: Any) -> list[tuple[str, str]]:
    if isinstance(kind, CSVFile):
        return [(row["profile"], row["email"]) for row in kind.members]
    with sqlite3.connect(kind.connect) as connection:
        rows = connection.execute(f'SELECT profile, email FROM "{kind.table}" ORDER BY rowid').fetchall()
    connection.close()
    return [(profile, email or "") for profile, email in rows]


@pytest.fixture(params=["csv", "sql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return CSVFile(tmp_path / "vip.csv") if request.param == "csv" else SQLTable(str(tmp_path / "lists.db"), "vip")


def test_lists_are_destinations(kept: Any) -> None:
    assert isinstance(kept, Destination)
    assert isinstance(kept, AsyncDestination)
    assert isinstance(kept, ListDestination)


def test_adds_and_removals_in_batches(kept: Any) -> None:
    kept.deliver_batch([listed("add", "u1", email="a@x.example"), listed("add", "u2", email='b"\n,@x.example')])
    assert members(kept) == [("u1", "a@x.example"), ("u2", 'b"\n,@x.example')]
    kept.deliver_batch([listed("add", "u3"), listed("remove", "u1"), listed("add", "u4"), listed("remove", "u4")])
    assert members(kept) == [("u2", 'b"\n,@x.example'), ("u3", "")]
    kept.deliver(listed("add", "u2", email="new@x.example"))
    assert sorted(members(kept)) == [("u2", "new@x.example"), ("u3", "")]


def test_again_changes_nothing(kept: Any) -> None:
    batch = [listed("add", "u1", email="a@x.example"), listed("remove", "u2")]
    for _ in range(3):
        kept.deliver_batch(batch)
    assert members(kept) == [("u1", "a@x.example")]
    asyncio.run(kept.deliver_batch_async([listed("remove", "u1")]))
    asyncio.run(kept.deliver_async(listed("remove", "u1")))
    assert members(kept) == []


def test_who_was_anonymous_when_added_is_removed_as_a_user(kept: Any) -> None:
    kept.deliver(listed("add", "a1", email="a@x.example"))
    kept.deliver(listed("add", "u1", email="a@x.example", anonymous="a1"))
    assert members(kept) == [("u1", "a@x.example")]
    kept.deliver(listed("add", "a2"))
    kept.deliver(listed("remove", "u2", anonymous="a2"))
    assert members(kept) == [("u1", "a@x.example")]


def test_texts_that_are_no_unicode(kept: Any) -> None:
    body = b'{"type": "add", "traits": {"email": "\xed\xa0\x80"}}'
    with contextlib.suppress(errors.Rejected):  # a file can say that something is missing, a database cannot
        kept.deliver(attrs.evolve(listed("add", "u1"), body=body))
    kept.deliver(listed("add", "u2"))
    assert ("u2", "") in members(kept)


def test_other_calls_are_rejected(kept: Any) -> None:
    with pytest.raises(errors.Rejected, match="not track"):
        kept.deliver(delivery())


def test_many_threads(kept: Any) -> None:
    def work(n: int) -> None:
        for index in range(5):
            kept.deliver_batch([listed("add", f"u{n}-{index}"), listed("remove", f"u{n}-{index - 1}")])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(members(kept)) == [(f"u{n}-4", "") for n in range(4)]


def test_against_a_model(kept: Any) -> None:
    rng, model = random.Random(7), {}
    for _ in range(60):
        batch = []
        for _ in range(rng.randrange(1, 5)):
            profile, call = f"u{rng.randrange(8)}", rng.choice(("add", "add", "remove"))
            email = f"{rng.randrange(3)}@x.example"
            batch.append(listed(call, profile, email=email))
            if call == "add":
                model[profile] = email
            else:
                model.pop(profile, None)
        kept.deliver_batch(batch)
        assert dict(members(kept)) == model


# -------------------------------------------------------------------------------------------------------------- CSV


def test_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vip.csv"
    kept = CSVFile(path, columns={"e-mail": "email", "city": "address.city", "tags": "tags"})
    kept.deliver(listed("add", "u1", email="a@x.example", address={"city": "Köln"}, tags=["a", 1]))
    assert path.read_bytes() == 'profile,e-mail,city,tags\nu1,a@x.example,Köln,"[""a"",1]"\n'.encode()


def test_appending_does_not_rewrite(tmp_path: Path) -> None:
    kept = CSVFile(tmp_path / "vip.csv")
    kept.deliver(listed("add", "u1"))
    inode = os.stat(kept.path).st_ino
    kept.deliver_batch([listed("add", "u2"), listed("add", "u3")])
    kept.deliver(listed("add", "u3"))
    assert os.stat(kept.path).st_ino == inode
    kept.deliver(listed("remove", "u2"))
    assert os.stat(kept.path).st_ino != inode


def test_an_unfinished_line_is_taken_off(tmp_path: Path) -> None:
    """A crash in the middle of an append leaves any part of it; the delivery comes again."""
    kept = CSVFile(tmp_path / "vip.csv")
    kept.deliver(listed("add", "u1", email="a@x.example"))
    whole = kept.path.read_bytes()
    kept.deliver(listed("add", "u2", email='b"\n@x.example'))
    full = kept.path.read_bytes()
    for cut in range(len(whole), len(full) + 1):
        kept.path.write_bytes(full[:cut])
        kept.deliver(listed("add", "u2", email='b"\n@x.example'))
        assert kept.path.read_bytes() == full


def test_what_is_left_of_a_long_line_is_taken_off_too(tmp_path: Path) -> None:
    kept = CSVFile(tmp_path / "vip.csv")
    kept.deliver(listed("add", "u1"))
    with open(kept.path, "ab") as file:
        file.write(b"u2," + b"x" * 1000)
    kept.deliver(listed("add", "u3"))
    assert kept.path.read_bytes() == b"profile,email\nu1,\nu3,\n"


def test_a_failed_rewrite_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch) -> None:
    kept = CSVFile(tmp_path / "vip.csv")
    kept.deliver_batch([listed("add", "u1"), listed("add", "u2")])
    before = kept.path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(errors.Retry, match="OSError 28"):
        kept.deliver(listed("remove", "u1"))
    assert kept.path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [".vip.csv.lock", "vip.csv"]


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "vip.csv").write_text("name,age\nAda,36\n")
    with pytest.raises(errors.Retry, match="other columns: name, age"):
        CSVFile(tmp_path / "vip.csv").deliver(listed("add", "u1"))
    assert (tmp_path / "vip.csv").read_text() == "name,age\nAda,36\n"


def test_formulas(tmp_path: Path) -> None:
    formula = "=HYPERLINK(1)"
    for formulas, expected in ((True, formula), (False, "'" + formula)):
        kept = CSVFile(tmp_path / f"{formulas}.csv", formulas=formulas)
        kept.deliver(listed("add", "u1", email=formula))
        assert members(kept) == [("u1", expected)]


# -------------------------------------------------------------------------------------------------------------- SQL


def test_any_connection_of_the_db_api(tmp_path: Path) -> None:
    """The other parameter style, through a connection that says what it was asked."""
    said: list[str] = []

    class Cursor:
        def executemany(self, statement: str, rows: Any) -> None:
            said.append(f"{statement} {list(rows)}")

    class Connection:
        def cursor(self) -> Cursor:
            return Cursor()

        def commit(self) -> None:
            said.append("commit")

        def close(self) -> None:
            said.append("close")

    kept = SQLTable(Connection, "marketing.vip", columns=["email"], paramstyle="format")
    kept.deliver_batch([listed("add", "u1", email="a@x.example"), listed("remove", "u2")])
    assert said == [
        """DELETE FROM "marketing"."vip" WHERE "profile" = %s [('u1',), ('u2',)]""",
        """INSERT INTO "marketing"."vip" ("profile", "email") VALUES (%s, %s) [('u1', 'a@x.example')]""",
        "commit",
        "close",
    ]


@pytest.mark.parametrize(
    "name", ['vip"; DROP TABLE x; --', "vip x", "", "1vip", "vip.", "a.b;c", "ü", "v" * 64, "vip\0"]
)
def test_names_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        SQLTable(":memory:", name)
    with pytest.raises(ValueError):
        SQLTable(":memory:", "vip", columns=[name])


def test_values_are_parameters(tmp_path: Path) -> None:
    kept = SQLTable(str(tmp_path / "lists.db"), "vip")
    evil = "'); DROP TABLE vip; --"
    kept.deliver_batch([listed("add", evil, email=evil), listed("add", "u1", email="x")])
    assert members(kept) == [(evil, evil), ("u1", "x")]


def test_database_errors_are_tried_again_and_repeat_no_values(tmp_path: Path) -> None:
    locked = sqlite3.connect(tmp_path / "lists.db")
    kept = SQLTable(lambda: sqlite3.connect(tmp_path / "lists.db", timeout=0), "vip")
    locked.execute("CREATE TABLE vip (profile TEXT, email TEXT CHECK (email <> 'taint'))")
    locked.commit()
    locked.execute("BEGIN EXCLUSIVE")
    with pytest.raises(errors.Retry, match="OperationalError"):
        kept.deliver(listed("add", "u1"))
    locked.rollback()
    locked.close()
    with pytest.raises(errors.Rejected, match="IntegrityError") as told:
        kept.deliver_batch([listed("add", "u1"), listed("add", "u2", email="taint")])
    assert "taint" not in str(told.value)
    assert members(SQLTable(str(tmp_path / "lists.db"), "vip")) == []  # one transaction


# -------------------------------------------------------------------------------------------------------- Mailchimp

KEY = "0123456789abcdef-us6"


def mailchimp(server: Server, **settings: Any) -> Mailchimp:
    return Mailchimp(KEY, list_id="abc123", base_url=server.url, network=LOCAL, **settings)


def digest(address: str) -> str:
    return hashlib.md5(address.encode()).hexdigest()


def test_mailchimp(server: Server) -> None:
    destination = mailchimp(server, merge_fields={"FNAME": "first_name", "CITY": "address.city"})
    batch = [
        listed("add", "u1", email="Ada@x.example", first_name="Ada", address={"city": "Köln"}),
        listed("add", "u2", email="b@x.example"),
        listed("remove", "u3", email="C@x.example"),
        listed("remove", "u1", email="Ada@x.example"),
    ]
    server.reply(204)
    server.reply(200, {"new_members": [], "errors": []})
    server.reply(404, {"title": "Resource Not Found"})
    with destination:
        destination.deliver_batch(batch)
    gone, added, removed = server.requests
    assert (gone.method, gone.path) == ("DELETE", f"/3.0/lists/abc123/members/{digest('c@x.example')}")
    assert checked(added, "/3.0/lists/abc123", schemas.MAILCHIMP) == {
        "members": [
            {
                "email_address": "Ada@x.example",
                "status": "subscribed",
                "merge_fields": {"FNAME": "Ada", "CITY": "Köln"},
            },
            {"email_address": "b@x.example", "status": "subscribed"},
        ],
        "update_existing": False,
    }
    assert added.headers["authorization"] == basic("journeys", KEY)
    assert removed.path.endswith(digest("ada@x.example"))


def test_mailchimp_batches(server: Server) -> None:
    with mailchimp(server) as destination:
        destination.deliver_batch([listed("add", f"u{n}", email=f"{n}@x.example") for n in range(1001)])
    assert [len(checked(each, "/3.0/lists/abc123", schemas.MAILCHIMP)["members"]) for each in server.requests] == [
        500,
        500,
        1,
    ]


def test_mailchimp_errors(server: Server) -> None:
    with mailchimp(server) as destination:
        server.reply(200, {"errors": [{"email_address": "a@x.example", "error_code": "ERROR_CONTACT_EXISTS"}]})
        destination.deliver(listed("add", "u1", email="a@x.example"))
        server.reply(200, {"errors": [{"email_address": "a@x.example", "error": "x", "error_code": "ERROR_GENERIC"}]})
        with pytest.raises(errors.Rejected, match="1 of the members were refused: ERROR_GENERIC") as told:
            destination.deliver(listed("add", "u1", email="a@x.example"))
        assert "a@x" not in str(told.value)
        server.reply(404, {"title": "Resource Not Found"})
        with pytest.raises(errors.Rejected):
            destination.deliver(listed("add", "u1", email="a@x.example"))
        server.reply(429, {"title": "Too Many Requests"})
        with pytest.raises(errors.Retry):
            destination.deliver(listed("remove", "u1", email="a@x.example"))
        with pytest.raises(errors.Rejected, match="no trait 'email'"):
            destination.deliver(listed("add", "u1"))
        with pytest.raises(errors.Rejected, match="takes add, remove"):
            destination.deliver(delivery())


def test_the_data_center_is_part_of_the_key() -> None:
    trial = Mailchimp(KEY, list_id="abc123").test(listed("add", "u1", email="a@x.example"))
    assert trial.requests[0].url == "https://us6.api.mailchimp.com/3.0/lists/abc123"
    for key in ("x", "x-", "x-us6.evil.example", "x-evil.example/", "x-a@b"):
        trial = Mailchimp(key, list_id="abc123").test(listed("add", "u1", email="a@x.example"))
        assert (trial.outcome, trial.requests) == ("retry", ())


# ----------------------------------------------------------------------------------------------------------- Record


def test_a_recorded_list() -> None:
    record = Record(list=True)
    assert isinstance(record, ListDestination)
    record.deliver_batch([listed("add", "u1"), listed("add", "a2"), listed("remove", "u1")])
    record.deliver(listed("add", "u2", anonymous="a2"))
    assert record.members == ["u2"]
    assert [each["type"] for each in record.payloads] == ["add", "add", "remove", "add"]
