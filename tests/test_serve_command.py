"""`sgps serve` in a process of its own: it says where it is, answers as its document says, and stops when asked to."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from commands import Sgps, engine, mistake, sgps_command, support  # noqa: F401

pytest.importorskip("uvicorn")

DOCUMENT = Path(__file__).parents[1] / "docs" / "service.md"


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], ids=["in front", "in the background"])
def server(request: pytest.FixtureRequest, engine: Path) -> Iterator[subprocess.Popen[str]]:
    """A running service, started as a shell does in front or in the background, where Ctrl+C is ignored."""
    command = [sys.executable, "-m", "sgps", "serve", "--port", "0", "--engine", str(engine)]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        preexec_fn=lambda: signal.signal(signal.SIGINT, request.param),
    )
    yield running
    running.kill()
    running.communicate()


def address_of(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)\n", server.stdout.readline())
    assert found, server.stderr and server.stderr.read()
    return found[1]


def test_the_documents_example_runs_and_the_service_stops_when_asked_to(
    server: subprocess.Popen[str],
    support: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = address_of(server)
    with urlopen(f"{address}/healthz") as answer:
        assert json.load(answer) == {"status": "ok"}
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert "http://127.0.0.1:8000" in example
    shutil.copytree(support / "red", tmp_path / "others")
    monkeypatch.chdir(tmp_path)
    exec(example.replace("http://127.0.0.1:8000", address), {})
    lines = capsys.readouterr().out.splitlines()
    names = sorted(path.name for path in (support / "red").iterdir())
    assert [line.split()[0] for line in lines] == names
    assert {line.split()[1] for line in lines} == {"red"}
    server.send_signal(signal.SIGINT)
    out, err = server.communicate(timeout=30)
    assert (server.returncode, out) == (0, "")
    # What it was asked is nowhere told.
    assert err.splitlines() == [
        "open this address in a browser on this computer; Ctrl+C stops the service",
        "stopped",
    ]


def test_a_port_in_use_is_told(mistake: Callable[..., str], engine: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = mistake("serve", "--port", port, "--engine", engine)
    assert said == f"port {port} is in use. Choose another by --port, or any free one by --port 0."


def test_a_missing_package_is_named(
    mistake: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = mistake("serve", "--port", 0)
    assert said == (
        'the service needs the package uvicorn. Install it by: pip install "sgps[serve]"'
    )


def test_an_engine_that_is_not_there_is_told(mistake: Callable[..., str]) -> None:
    assert mistake("serve", "--port", 0, "--engine", "none").startswith("no engine 'none': ")
