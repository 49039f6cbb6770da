"""The service: routes, and how errors are told. `sgps serve` runs it.

    POST   /classifiers                    labelled pictures and descriptions -> a classifier, kept in memory
    POST   /classifiers/{id}/predictions   pictures -> probabilities, typicality, what spoke for the answer
    GET    /classifiers/{id}.zip           the classifier's folder
    POST   /classifiers/saved              that zip, from an earlier day -> a classifier, kept in memory
    DELETE /classifiers/{id}
    GET    /conditions?name=               entries of the clinical catalogue
    GET    /healthz, /version, /openapi.json
    GET    /                               the page, which uses all this

Errors are `{"code", "message", "hint"}`: 422 for what the user can mend, as `InputError` on the command line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from sgps.clinical.lookup import find
from sgps.engine.engine import Engine
from sgps.errors import InputError, listing
from sgps.service.guard import HEADERS, Guard, problem
from sgps.service.schemas import (
    Classifier,
    Health,
    KnownCondition,
    Prediction,
    PredictionRequest,
    Problem,
    SavedClassifier,
    SynthesisRequest,
    Version,
)
from sgps.service.workbench import MAX_KEPT, UnknownClassifierError, Workbench
from sgps.version import __version__

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/look.css": ("look.css", "text/css; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
Responses: TypeAlias = dict[int | str, dict[str, Any]]

_PROBLEMS: Responses = {
    400: {"model": Problem, "description": "The body cannot be read"},
    403: {"model": Problem, "description": "Asked from another computer or another page"},
    411: {"model": Problem, "description": "The body does not tell its length"},
    413: {"model": Problem, "description": "The body is too large"},
    422: {"model": Problem, "description": "A mistake in what was sent"},
}
_UNKNOWN: Responses = {404: {"model": Problem, "description": "No such classifier"}}
_ZIP: Responses = {200: {"content": {"application/zip": {}}}}


def create_app(engine: Engine) -> FastAPI:
    """The service on a loaded engine, as an ASGI application."""
    # The pages that FastAPI offers for its documents load scripts from elsewhere.
    app = FastAPI(
        title="sgps",
        version=__version__,
        description="Synthesize classifiers of medical pictures. Not a medical device.",
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    app.add_middleware(Guard)
    _tell_errors(app)
    _add_routes(app, Workbench(engine))
    for path, (name, kind) in _PAGE.items():
        app.add_api_route(path, _file(name, kind), include_in_schema=False)
    return app


def _add_routes(app: FastAPI, workbench: Workbench) -> None:
    @app.post("/classifiers", status_code=201)
    def synthesize(request: SynthesisRequest) -> Classifier:
        """Synthesize a classifier; it is kept until newer ones take its place."""
        return workbench.synthesize(request.classes)

    @app.post("/classifiers/saved", status_code=201)
    def reopen(request: SavedClassifier) -> Classifier:
        """Go on with a classifier that was downloaded, or written by `sgps synthesize`."""
        return workbench.open(request.archive)

    @app.post("/classifiers/{identity}/predictions", responses=_UNKNOWN)
    def predict(identity: str, request: PredictionRequest) -> list[Prediction]:
        """Classify pictures, in their order."""
        return workbench.predict(identity, request.pictures, request.explain)

    @app.get(
        "/classifiers/{identity}.zip",
        response_class=Response,
        responses=_UNKNOWN | _ZIP,
    )
    def download(identity: str) -> Response:
        """The folder that `sgps synthesize` would have written."""
        headers = {"Content-Disposition": 'attachment; filename="classifier.zip"'}
        return Response(workbench.archive(identity), media_type="application/zip", headers=headers)

    @app.delete("/classifiers/{identity}", status_code=204, responses=_UNKNOWN)
    def forget(identity: str) -> None:
        """Keep a classifier no longer."""
        workbench.forget(identity)

    @app.get("/conditions")
    def look_up(name: str) -> list[KnownCondition]:
        """Entries of the clinical catalogue of this name, one a modality at least."""
        return [
            KnownCondition(
                name=entry.name,
                modality=entry.modality,
                descriptions=list(entry.descriptions.values()),
            )
            for entry in find(name)
        ]

    @app.get("/healthz")
    def health() -> Health:
        """Whether the service answers."""
        return Health()

    @app.get("/version")
    def version() -> Version:
        """Of the package, and which engine is loaded."""
        engine = workbench.engine
        return Version(sgps=__version__, engine=engine.config.name, engine_digest=engine.digest)


def _tell_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    def mistake(_: Request, error: InputError) -> Response:
        return problem(422, "unusable_input", str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> Response:
        return problem(
            422, "malformed_request", f"{_in_words(error.errors())}.", "See /openapi.json."
        )

    @app.exception_handler(UnknownClassifierError)
    def unknown(_: Request, error: UnknownClassifierError) -> Response:
        return problem(
            404,
            "unknown_classifier",
            "this classifier is not kept, or not any more.",
            f"Synthesize it again: the last {MAX_KEPT} are kept, until the service stops.",
        )

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> Response:
        # Such as `Allow`, which tells the methods that a path has.
        headers = error.headers
        return problem(
            error.status_code, "refused", f"{error.detail}.", "See /openapi.json.", headers
        )

    @app.exception_handler(Exception)
    def bug(_: Request, error: Exception) -> Response:
        return problem(
            500,
            "bug",
            f"sgps did not foresee this ({type(error).__name__}).",
            "What happened stands where sgps serve runs; please report it, without pictures.",
            HEADERS,  # which the guard cannot add: this answer is made outside of it
        )


def _in_words(errors: Sequence[Any]) -> str:
    """Where a request is not as it should be; what stands there is not repeated, as it may be a picture."""
    return listing([f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors])


def _file(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    """A route that answers with a file of the page."""
    content = files("sgps.service").joinpath("page", name).read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=kind)

    return answer
