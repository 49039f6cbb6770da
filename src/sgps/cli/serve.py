"""`sgps serve`: a page, and an HTTP API, on this computer alone."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from sgps.cli.console import Device, say
from sgps.errors import InputError

if TYPE_CHECKING:
    import uvicorn

_HOST = "127.0.0.1"
"""No option: the service has no password, so that whoever reaches it may use it."""


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens; 0 takes any free port.")
    ] = 8000,
    engine: Annotated[str, typer.Option(help="Engine: its name or folder.")] = "default",
    device: Annotated[Device, typer.Option(help="Where the engine runs.")] = Device.auto,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Serve a page for browsers on this computer: choose pictures, describe classes, synthesize, classify, download.

    Nothing leaves the computer, and no picture is stored. Its HTTP API is described at /openapi.json. Ctrl+C stops it.
    """
    with _listen(port) as listener:
        server = _server(engine, device)
        print(f"http://{_HOST}:{listener.getsockname()[1]}", flush=True)
        say("open this address in a browser on this computer; Ctrl+C stops the service", quiet)
        # Where the shell has a program in the background ignore Ctrl+C, uvicorn still stops, and raises nothing.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        say("stopped", quiet)


def _server(engine: str, device: str) -> uvicorn.Server:
    """A server with a loaded engine, which logs nothing of what passes through it."""
    try:
        import uvicorn

        from sgps.service.app import create_app
    except ImportError as error:
        raise InputError(
            f'the service needs the package {error.name}. Install it by: pip install "sgps[serve]"'
        ) from error
    from sgps.engine.engine import Engine

    app = create_app(Engine.from_pretrained(engine, device))
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=3,
        )
    )


def _listen(port: int) -> socket.socket:
    """Take the port before the engine is loaded."""
    listener = socket.socket()
    if os.name == "posix":
        # So that it can be started again at once; elsewhere two programs could then share the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        # From here on whoever comes waits, while the engine is loaded.
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is in use. Choose another by --port, or any free one by --port 0."
            ) from error
        raise InputError(
            f"cannot listen on port {port}: {error.strerror}. Choose another by --port."
        ) from error
    return listener
