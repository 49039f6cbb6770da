"""Keep other web pages, other computers and endless bodies away from the service; ASGI, before any route.

The service has no password: whoever reaches it may use it. That is whoever works on this computer, as long as

- it listens on the loopback address only (`sgps serve` sees to that),
- the `Host` that a browser asked for is this computer: a foreign name that was made to lead here (DNS rebinding) is refused,
- a page from elsewhere cannot use it: a foreign `Origin` is refused, and no cross-origin header is ever sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sgps.service.schemas import Problem

MAX_BODY_BYTES = 128 * 2**20
"""Largest request, in bytes; pictures are a third larger in it than on disk."""
_HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses requests that must not reach the service, and adds to every answer what browsers must not do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = _refusal(Headers(scope=scope))
        await (refusal or self.app)(scope, receive, send_guarded)


def problem(
    status: int,
    code: str,
    message: str,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer that says what went wrong, and what to do."""
    content = Problem(code=code, message=message, hint=hint).model_dump()
    return JSONResponse(content, status, headers)


def _refusal(headers: Headers) -> JSONResponse | None:
    """Why a request may not pass, by its headers alone; none if it may."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if not _HERE.fullmatch(host):
        return problem(
            403,
            "foreign_host",
            "this service answers to this computer only.",
            "Open the address that sgps serve printed, http://127.0.0.1 and a port.",
        )
    if origin is not None and origin != f"http://{host}":
        return problem(403, "foreign_origin", "this service answers to its own page only.")
    if "transfer-encoding" in headers:
        return problem(411, "length_required", "the request does not tell its length.")
    length = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,18}", length) or int(length) > MAX_BODY_BYTES:
        return problem(
            413,
            "too_large",
            f"the request has more than {MAX_BODY_BYTES // 2**20} MiB.",
            "Send less at a time, or shrink pictures.",
        )
    return None
