"""The studio's server: sessions, uploads, exports, run pages; and two hundred attacks on it."""

from __future__ import annotations

import base64
import gc
import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from couloir.errors import InputError
from couloir.studio import asking, rooms
from couloir.studio.rooms.base import Room
from couloir.studio.server import sessions
from couloir.studio.server.guard import Door
from couloir.studio.server.serving import listen, named_files, serve
from couloir.studio.wire import Answer
from studio_server import Page, Served

Length = Annotated[float, asking.number(0, 10)]


class Slow(Room):
    """A room for these tests."""

    def ask_echo(self, words: Annotated[Any, lambda value, name: value] = None) -> Answer:
        return Answer({"echo": words})

    def ask_wait(self, length: Length) -> Answer:
        time.sleep(length)
        return Answer({"waited": length})

    def ask_refuse(self, length: Length) -> Answer:
        time.sleep(length)
        raise InputError("It cannot be answered.")

    def ask_fault(self) -> Answer:
        raise RuntimeError("a fault")

    def ask_files(self, name: Annotated[str, asking.text(1000)]) -> Answer:
        found = self.context.table(name)
        return Answer({"bytes": found.stat().st_size, "folder": str(found.parent)})

    def close(self) -> None:
        CLOSED.append(self)


CLOSED: list[Slow] = []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of runs, and a secret beside it."""
    root = tmp_path_factory.mktemp("studio")
    (root / "secret.csv").write_text("secret,1\n")
    run = root / "runs" / "20260101-000000-iris"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (run / "report.html").write_text("<p>the report</p>")
    (root / "runs" / "latest").symlink_to(run.name)
    (root / "runs" / "notes.txt").write_text("not a run")
    return root


@pytest.fixture(scope="module")
def studio(place: Path) -> Iterator[Served]:
    known = dict(rooms.ROOMS)
    replaced = {**known, "slow": f"{__name__}:Slow"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rooms, "ROOMS", replaced)
        patch.setattr(rooms, "import_module", lambda name: SimpleNamespace(Slow=Slow))
        with Served(place / "runs", {"named.csv": place / "secret.csv"}) as served:
            yield served


def request(
    studio: Served, method: str, path: str, body: bytes | None = None, host: str | None = None, **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers; the path goes out as it is."""
    connection = http.client.HTTPConnection(studio.address, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", studio.address if host is None else host)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None and "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return (
            answer.status,
            answer.read().decode("utf-8", "replace"),
            {k.lower(): v for k, v in answer.headers.items()},
        )
    finally:
        connection.close()


def post(studio: Served, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, dict[str, str]]:
    return request(studio, "POST", path, body, Origin=f"http://{studio.address}", **headers)


# What it does ---------------------------------------------------------------------------------------------


def test_the_page_and_all_its_files_are_served_with_a_strict_policy(studio: Served) -> None:
    status, text, headers = request(studio, "GET", "/")
    assert status == 200
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script[^>]*>[^<]|style=|https?://", text)
    for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', text):
        assert request(studio, "GET", name)[0] == 200, name


def test_modules_import_only_files_that_are_there(studio: Served) -> None:
    from couloir.studio.server.pages import files, scripts

    modules = scripts()
    wanted = {
        name for text in modules.values() for name in re.findall(r"""["']studio/([^"'`$]+)["']""", text)
    }
    assert wanted
    assert wanted <= set(modules)
    assert {f"rooms/{name}.js" for name in rooms.ROOMS if name != "slow"} <= set(files())


def test_questions_are_answered_and_faults_are_said(studio: Served) -> None:
    with studio.page() as page:
        assert page.ask("slow", "echo", words=[1, "x"])["values"] == {"echo": [1, "x"]}
        assert "There is no room 'attic'" in page.ask("attic", "echo")["error"]
        assert "There is no question" in page.ask("slow", "__init__")["error"]
        assert "a fault here" in page.ask("slow", "fault")["error"]
        assert page.ask("slow", "echo")["values"] == {"echo": None}


def test_a_slow_page_does_not_hold_up_another(studio: Served) -> None:
    with studio.page() as slow, studio.page() as quick:
        slow.socket.send(json.dumps({"id": 1, "room": "slow", "ask": "wait", "with": {"length": 1.5}}))
        began = time.monotonic()
        assert "values" in quick.ask("slow", "echo")
        assert time.monotonic() - began < 1


def test_a_page_that_asks_too_much_at_once_is_told_so(studio: Served) -> None:
    with studio.page() as page:
        for number in range(1, 40):
            page.socket.send(
                json.dumps({"id": number, "room": "slow", "ask": "wait", "with": {"length": 0.02}})
            )
        found = [json.loads(page.socket.recv(20)[4:].split(b"\0")[0].decode().strip()) for _ in range(39)]
        refused = [each for each in found if "error" in each]
        assert refused
        assert "ask more slowly" in refused[0]["error"]
        assert "values" in page.ask("slow", "echo")


@pytest.mark.slow
def test_what_takes_too_long_is_given_up(studio: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SECONDS", 0.2)
    with studio.page() as page:
        assert "longer than" in page.ask("slow", "wait", length=1)["error"]
        time.sleep(1)
        assert "values" in page.ask("slow", "echo")


@pytest.mark.slow
def test_a_refusal_that_nobody_waits_for_any_more_is_no_fault(
    studio: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with studio.page() as page:
        page.socket.send(json.dumps({"id": 1, "room": "slow", "ask": "refuse", "with": {"length": 0.5}}))
        time.sleep(0.1)
    time.sleep(1)
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_a_closed_page_takes_its_rooms_and_files_with_it(studio: Served) -> None:
    with studio.page() as page:
        page.ask("slow", "echo")
        status, text, _ = post(studio, "/upload?name=a%20b.csv", b"x,y\n1,2\n", X_Session=page.session)
        assert (status, json.loads(text)) == (200, {"name": "a b.csv", "bytes": 8})
        answer = page.ask("slow", "files", name="a b.csv")["values"]
        assert answer["bytes"] == 8
        folder = Path(answer["folder"])
        closed = len(CLOSED)
    wait_until(lambda: len(CLOSED) == closed + 1 and not folder.exists())


def wait_until(true: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sessions_are_bounded_and_leave_nothing_behind(
    studio: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 5)
    before = threading.active_count()
    pages = [studio.page() for _ in range(5)]
    for page in pages:
        assert "values" in page.ask("slow", "echo")
    with connect(f"ws://{studio.address}/session", origin=f"http://{studio.address}") as sixth:
        assert b"pages are open already" in sixth.recv(20)
    for page in pages:
        page.close()
    wait_until(lambda: threading.active_count() <= before + 8)  # the workers stay

    def free() -> bool:
        try:
            studio.page().close()
        except (KeyError, AssertionError):
            return False
        return True

    wait_until(free)


def test_files_named_on_the_command_line_can_be_used_and_no_others(studio: Served) -> None:
    with studio.page() as page:
        assert page.ask("slow", "files", name="named.csv")["values"]["bytes"] == 9
        for name in ("secret.csv", "../secret.csv", "/etc/passwd", "", "runs", "named.csv/../secret.csv"):
            assert "There is no data file" in page.ask("slow", "files", name=name)["error"]


def test_a_run_s_page_runs_in_a_sandbox(studio: Served) -> None:
    status, text, headers = request(studio, "GET", "/runs/20260101-000000-iris")
    assert (status, text) == (200, "<p>the report</p>")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in headers["content-security-policy"]
    assert request(studio, "GET", "/runs/latest")[0] == 404


def test_an_export_is_one_page_that_needs_nothing(studio: Served) -> None:
    tape = [["question </script><script>alert(1)</script>", base64.b64encode(b"answer").decode()]]
    body = json.dumps({"room": "race", "fragment": "#race?surface=beale", "tape": tape}).encode()
    status, text, _ = post(studio, "/export", body)
    assert status == 200
    assert "alert(1)</script>" not in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    found = re.search(r'<script type="application/json" id="recording">(.*?)</script>', text, re.S)
    assert found
    assert json.loads(found[1])["tape"] == tape
    imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', text, re.S)[1])["imports"]  # type: ignore[index]
    for name, address in imports.items():
        module = base64.b64decode(address.removeprefix("data:text/javascript;base64,")).decode()
        assert not re.search(r"""\bfrom\s*["']\.""", module), name


def test_the_door_of_another_address_wants_a_token(place: Path) -> None:
    with Served(place / "runs", host="0.0.0.0") as studio:
        assert studio.door.token
        assert request(studio, "GET", "/")[0] == 401
        assert request(studio, "GET", "/?token=wrong")[0] == 401
        assert request(studio, "GET", "/static/main.js")[0] == 401
        with pytest.raises(InvalidStatus):
            Page(studio.address)
        status, _, headers = request(studio, "GET", f"/?token={studio.door.token}")
        assert (status, headers["location"]) == (303, "/")
        assert "HttpOnly" in headers["set-cookie"]
        assert "SameSite=strict" in headers["set-cookie"]
        kept = headers["set-cookie"].split(";")[0]
        assert request(studio, "GET", "/", Cookie=kept)[0] == 200
        assert request(studio, "GET", "/", Cookie=kept, host=f"evil.example:{studio.port}")[0] == 421
        assert request(studio, "GET", "/", Cookie=kept[:-1] + "x")[0] == 401
        with studio.page(Cookie=kept) as page:
            assert "error" in page.ask("attic", "x")


def test_addresses_in_numbers_are_known_and_names_are_not() -> None:
    near, far = Door("127.0.0.1", 80), Door.of("0.0.0.0", 80)
    assert near.token is None
    assert far.token
    assert near.knows_host("localhost:80")
    assert near.knows_host("127.0.0.1:80")
    assert far.knows_host("192.168.1.5:80")
    assert not near.knows_host("192.168.1.5:80")
    assert not far.knows_host("studio.evil.example:80")
    assert Door.of("::1", 80).address == "http://[::1]:80/"
    assert Door.of("::1", 80).knows_host("[::1]:80")


def test_what_cannot_be_served_is_said_in_a_sentence(tmp_path: Path) -> None:
    taken = listen("127.0.0.1", 0)
    with taken, pytest.raises(InputError, match="name another with --port"):
        listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(InputError, match="Nothing can listen on"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(InputError, match="There is no file"):
        named_files([tmp_path / "none.csv"])
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "t.csv", tmp_path / "a" / "t.csv"):
        path.write_text("x\n")
    with pytest.raises(InputError, match=r"Two files are called 't\.csv'"):
        named_files([tmp_path / "t.csv", tmp_path / "a" / "t.csv"])


def test_a_missing_extra_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(
        InputError, match=r"'uvicorn', which is not installed: pip install 'couloir\[studio\]'"
    ):
        serve(browser=False)


# What it refuses --------------------------------------------------------------------------------------------

PATHS = [
    prefix + climb + target
    for prefix in ("/static/", "/runs/", "/", "/static/rooms/")
    for climb in (
        "../",
        "..%2f",
        "%2e%2e/",
        "..\\",
        "..%5c",
        "....//",
        "%252e%252e%252f",
        "../../../../../../",
    )
    for target in ("secret.csv", "etc/passwd", "app.py")
]
STRANGE = [
    "/static/",
    "/static/.",
    "/static/..",
    "/static/main.js%00.css",
    "/static//etc/passwd",
    "/static/index.html",
    "/static/" + "a" * 5000,
    "/runs/",
    "/runs/latest",
    "/runs/notes.txt",
    "/runs/.",
    "/runs/..",
    "/runs/%00",
    "/runs/20260101-000000-iris/run.json",
    "/runs/20260101-000000-iris/../../secret.csv",
    "/runs/20260101-000000-iris%2frun.json",
    "/runs/*",
    "/runs/~root",
    "/session",
    "/upload",
    "/export",
    "/admin",
    "/.git/config",
    "/%ff%fe",
]


@pytest.mark.parametrize("path", PATHS + STRANGE)
def test_no_path_of_the_disk_is_reached(studio: Served, path: str) -> None:
    status, text, _ = request(studio, "GET", path)
    assert status in (400, 404, 405, 414)
    assert len(text) < 300
    assert "secret" not in text
    assert "root:" not in text


HOSTS = [
    *(
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "localhost.evil.example:{port}",
    ),
    *(
        "127.0.0.1:{port}.evil.example",
        "evil@127.0.0.1:{port}",
        "127.0.0.1.nip.io:{port}",
        "[::1",
        ":{port}",
        "",
    ),
    *(
        "0.0.0.0:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "127.0.0.1:{port}, evil.example",
        "127.0.0.1 :{port}",
    ),
]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(studio: Served, host: str) -> None:
    status, text, _ = request(studio, "GET", "/", host=host.format(port=studio.port))
    assert status in (400, 421)
    assert "studio" not in text or text.count("\n") == 1


ORIGINS = [
    *(
        "http://evil.example",
        "null",
        "",
        "file://",
        "http://127.0.0.1",
        "https://{address}",
        "http://{address}/",
    ),
    *(
        "http://{address}.evil.example",
        "http://localhost:1",
        "http://{address}@evil.example",
        "HTTP://{address}",
    ),
]


@pytest.mark.parametrize("origin", [*ORIGINS, None])
@pytest.mark.parametrize("path", ["/upload?name=a.csv", "/export"])
def test_a_post_from_elsewhere_is_refused(studio: Served, path: str, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin.format(address=studio.address)}
    status, text, _ = request(studio, "POST", path, b"x", **headers)
    assert status == 403
    assert text.startswith("Only the studio's own page")


@pytest.mark.parametrize("origin", [*ORIGINS, None])
def test_a_session_from_elsewhere_is_refused(studio: Served, origin: str | None) -> None:
    given = None if origin is None else origin.format(address=studio.address)
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{studio.address}/session", origin=given):
        raise AssertionError("let in")
    assert refused.value.response.status_code == 403


UPLOADS = [
    ("../evil.csv", b"x\n1\n", "plain name"),
    ("/etc/passwd.csv", b"x\n1\n", "plain name"),
    ("..\\evil.csv", b"x\n1\n", "plain name"),
    (".hidden.csv", b"x\n1\n", "plain name"),
    ("", b"x\n1\n", "plain name"),
    ("a" * 300 + ".csv", b"x\n1\n", "plain name"),
    ("evil.exe", b"MZ", "no table"),
    ("evil.csv.sh", b"x", "no table"),
    ("evil", b"x", "no table"),
    ("evil.pkl", b"\x80\x04", "no table"),
    ("evil.html", b"<script>", "no table"),
    ("a.csv", b"", "is empty"),
    ("a.csv", b"PAR1....", "not of the kind"),
    ("a.parquet", b"x,y\n", "not of the kind"),
    ("a.csv", b"a\0b", "no text"),
    ("a.csv\0.parquet", b"PAR1", "not of the kind|plain name|no table"),
]


@pytest.mark.parametrize(("name", "content", "said"), UPLOADS)
def test_a_hostile_upload_is_refused_and_leaves_nothing(
    studio: Served, name: str, content: bytes, said: str
) -> None:
    from urllib.parse import quote

    with studio.page() as page:
        status, text, _ = post(
            studio, f"/upload?name={quote(name, safe='')}", content, X_Session=page.session
        )
        assert status == 400
        assert re.search(said, text)
        assert text.count("\n") == 1
        assert "There is no data file" in page.ask("slow", "files", name=name.replace("\0", ""))["error"]


def test_an_upload_too_large_is_refused_while_it_arrives(
    studio: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couloir.studio.server.uploads.LARGEST", 1000)
    with studio.page() as page:
        status, text, _ = post(studio, "/upload?name=a.csv", b"x" * 2000, X_Session=page.session)
        assert (status, "larger than" in text) == (400, True)
        monkeypatch.setattr("couloir.studio.server.uploads.LARGEST", 10_000)
        monkeypatch.setattr("couloir.studio.server.uploads.MOST", 3000)
        for number, expected in enumerate((200, 400)):
            status, text, _ = post(studio, f"/upload?name={number}.csv", b"x" * 2000, X_Session=page.session)
            assert status == expected, text


def test_an_upload_for_nobody_is_refused(studio: Served) -> None:
    for session in ("", "x", "../..", "0" * 22):
        status, text, _ = post(studio, "/upload?name=a.csv", b"x", X_Session=session)
        assert (status, "no open page" in text) == (400, True)


RECORDINGS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"room": "race"}',
    b'{"room": "attic", "fragment": "", "tape": []}',
    b'{"room": "race", "fragment": 5, "tape": []}',
    b'{"room": "race", "fragment": "", "tape": {}}',
    b'{"room": "race", "fragment": "", "tape": [["a"]]}',
    b'{"room": "race", "fragment": "", "tape": [["a", 5]]}',
    b'{"room": "race", "fragment": "", "tape": [], "script": "alert(1)"}',
    json.dumps({"room": "race", "fragment": "x" * 30_000, "tape": []}).encode(),
]


@pytest.mark.parametrize("body", RECORDINGS, ids=range(len(RECORDINGS)))
def test_a_recording_that_is_none_is_refused(studio: Served, body: bytes) -> None:
    status, text, _ = post(studio, "/export", body)
    assert status == 400
    assert text.count("\n") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/static/main.js", "/runs/20260101-000000-iris"])
def test_other_methods_change_nothing(studio: Served, method: str, path: str) -> None:
    status, _, _ = request(studio, method, path, Origin=f"http://{studio.address}")
    assert status == 405


def test_a_message_too_long_ends_that_page_alone(studio: Served) -> None:
    with studio.page() as other:
        page = studio.page()
        page.socket.send('{"id": 1, "with": "' + "x" * (2 << 20))
        with pytest.raises(ConnectionClosed, match="1009"):
            page.socket.recv(20)
        page.close()
        assert "values" in other.ask("slow", "echo")


def test_strange_messages_are_answered_and_the_page_lives_on(studio: Served) -> None:
    with studio.page() as page:
        for text in ("", "x", "[]", "\0", "{" * 5000, '{"id": 1, "room": "slow", "ask": "echo", "with": 5}'):
            assert page.say(text)["error"].startswith("The ")
        for ask in ("close", "answer", "__class__", "ask_echo", "echo()", "écho", "e" * 9999, ""):
            assert "There is no question" in page.ask("slow", ask)["error"]
        assert "values" in page.ask("slow", "echo")


def test_after_all_that_nothing_was_written_outside(place: Path, studio: Served) -> None:
    assert sorted(path.name for path in place.iterdir()) == ["runs", "secret.csv"]
    assert sorted(path.name for path in (place / "runs").iterdir()) == [
        "20260101-000000-iris",
        "latest",
        "notes.txt",
    ]
    assert request(studio, "GET", "/")[0] == 200
