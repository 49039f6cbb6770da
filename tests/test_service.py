"""The service: its API behaves as the command line does, keeps strangers out, and leaves no picture behind."""

from __future__ import annotations

import base64
import errno
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engines import as_pictures, colored_support, tiny_engine
from PIL import Image

pytest.importorskip("fastapi")

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from sgps.images import read_images
from sgps.service import guard, saved, workbench
from sgps.service.app import create_app
from sgps.target.checkpoint import TargetNetwork
from sgps.target.explain import relative_evidence
from sgps.task import SupportSet

ENGINE = tiny_engine()
HERE = "http://127.0.0.1:8000"
TEXTS = {"blue": ["a blue field", "blue all over"], "green": ["a green field"], "red": []}


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(ENGINE), base_url=HERE) as client:
        yield client


def sent(picture: Image.Image, name: str = "one.png") -> dict[str, str]:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return {"name": name, "data": base64.b64encode(data.getvalue()).decode()}


def colored() -> tuple[list[Image.Image], list[str]]:
    return as_pictures(colored_support())


def request() -> dict[str, Any]:
    """Three pictures each of three colors; two colors are described."""
    pictures, labels = colored()
    return {
        "classes": [
            {
                "name": name,
                "descriptions": TEXTS[name],
                "pictures": [
                    sent(one) for one, own in zip(pictures, labels, strict=True) if own == name
                ],
            }
            for name in ("red", "green", "blue")
        ]
    }


def made(client: TestClient) -> str:
    answer = client.post("/classifiers", json=request())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def direct() -> TargetNetwork:
    """The classifier that the engine makes of the same task without the service."""
    pictures, labels = colored()
    names = tuple(sorted(TEXTS))
    return ENGINE.synthesize(
        SupportSet(
            images=read_images(pictures, ENGINE.config.image_size),
            labels=torch.tensor([names.index(label) for label in labels]),
            class_names=names,
            descriptions=tuple(tuple(TEXTS[name]) for name in names),
        )
    )


# What it does


def test_the_zip_is_the_folder_that_the_engine_writes_for_the_same_task(client, tmp_path):
    answer = client.get(f"/classifiers/{made(client)}.zip")
    assert answer.headers["content-type"] == "application/zip"
    direct().save(tmp_path / "direct")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        stored = {name: archive.read(name) for name in archive.namelist()}
    written = {f"classifier/{p.name}": p.read_bytes() for p in (tmp_path / "direct").iterdir()}
    assert stored == written


def test_synthesis_tells_what_the_command_line_tells(client):
    said = client.post("/classifiers", json=request()).json()
    assert said["shots"] == {"blue": 3, "green": 3, "red": 3}
    assert said["engine"] == "tiny"
    assert any(line.startswith("blue from colors/blue, as ") for line in said["known"])
    assert said["seconds"] > 0


def test_answers_are_those_of_the_classifier_in_the_order_of_the_pictures(client):
    pictures, _ = as_pictures(colored_support(seed=5))
    body = {"pictures": [sent(one, f"{n}.png") for n, one in enumerate(pictures)]}
    answers = client.post(f"/classifiers/{made(client)}/predictions", json=body).json()
    network = direct()
    probabilities, typicality = network.classify(read_images(pictures, ENGINE.config.image_size))
    assert [one["picture"] for one in answers] == [f"{n}.png" for n in range(len(pictures))]
    for own, row, typical in zip(answers, probabilities, typicality, strict=True):
        assert list(own["probabilities"]) == ["blue", "green", "red"]
        assert list(own["probabilities"].values()) == pytest.approx(row.tolist(), abs=1e-6)
        assert own["prediction"] == network.class_names[int(row.argmax())]
        assert own["confidence"] == max(own["probabilities"].values())
        assert own["typicality"] == pytest.approx(float(typical), abs=1e-6)
        assert own["atypical"] == (own["typicality"] < 0.05)
        assert own["seen"] is own["evidence"] is None


def test_a_picture_unlike_the_support_is_called_so(client, monkeypatch):
    one, body = made(client), {"pictures": [sent(colored()[0][0])]}
    for share, called in ((0.0, False), (1.01, True)):
        monkeypatch.setattr(workbench, "ATYPICAL", share)
        (answer,) = client.post(f"/classifiers/{one}/predictions", json=body).json()
        assert answer["atypical"] is called


def test_explained_answers_show_the_picture_and_heat_where_the_evidence_is(client):
    picture = colored()[0][0]
    body = {"pictures": [sent(picture)], "explain": True}
    (answer,) = client.post(f"/classifiers/{made(client)}/predictions", json=body).json()
    seen, heated = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(answer[key]))), dtype=float)
        for key in ("seen", "evidence")
    )
    assert seen.shape == heated.shape == (256, 256, 3)
    small = read_images([picture], ENGINE.config.image_size)
    assert np.abs(seen.mean((0, 1)) - small[0].float().mean((1, 2)).numpy()).max() < 2
    network = direct()
    best = network.class_names.index(answer["prediction"])
    assert relative_evidence(network, small)[0, best].max() > 0
    assert np.abs(heated - seen).max() > 20


def test_a_class_may_have_words_alone(client):
    body = request()
    body["classes"][1]["pictures"] = []
    assert client.post("/classifiers", json=body).json()["shots"]["green"] == 0


def test_names_are_composed_and_stripped_as_those_of_folders(client):
    body = request()
    body["classes"][0]["name"] = "  nævus e\u0301 "
    assert "nævus é" in client.post("/classifiers", json=body).json()["shots"]


def test_the_catalogue_is_looked_up_by_name(client):
    (found,) = client.get("/conditions", params={"name": "dermatofibroma"}).json()
    assert found["modality"] == "dermatoscopy"
    assert len(found["descriptions"]) == 3
    assert client.get("/conditions", params={"name": "no such thing"}).json() == []


def test_it_says_what_it_is(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    said = client.get("/version").json()
    assert (said["engine"], said["engine_digest"]) == ("tiny", "tiny-digest")


# What is kept


def test_the_newest_classifiers_are_kept_and_the_least_used_goes_first(client, monkeypatch):
    monkeypatch.setattr(workbench, "MAX_KEPT", 2)
    first, second = made(client), made(client)
    client.get(f"/classifiers/{first}.zip")
    third = made(client)
    status = {
        one: client.get(f"/classifiers/{one}.zip").status_code for one in (first, second, third)
    }
    assert status == {first: 200, second: 404, third: 200}


def test_a_classifier_is_forgotten_when_asked(client):
    one = made(client)
    assert client.delete(f"/classifiers/{one}").status_code == 204
    again = client.delete(f"/classifiers/{one}")
    assert (again.status_code, again.json()["code"]) == (404, "unknown_classifier")
    body = {"pictures": [sent(colored()[0][0])]}
    assert client.post(f"/classifiers/{one}/predictions", json=body).status_code == 404


def test_nothing_but_the_weights_ever_reaches_the_disk(client, monkeypatch, tmp_path):
    written = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = Path.write_bytes

    def noted(self: Path, data: bytes) -> int:
        written.append(self.name)
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", noted)
    one = made(client)
    client.post(f"/classifiers/{one}/predictions", json={"pictures": [sent(colored()[0][0])]})
    assert (written, list(tmp_path.iterdir())) == ([], [])
    client.get(f"/classifiers/{one}.zip")
    assert set(written) == {"model.safetensors", "typicality.safetensors"}
    assert list(tmp_path.iterdir()) == []


def zipped(files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> str:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return base64.b64encode(data.getvalue()).decode()


def saved_files(folder: Path) -> dict[str, bytes]:
    direct().save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("place", ["", "classifier/", "./classifier/", "deep/inside/"])
def test_a_saved_classifier_goes_on_as_it_was(client, tmp_path, place):
    files = {f"{place}{name}": data for name, data in saved_files(tmp_path / "saved").items()}
    # As some systems put beside every file.
    files["__MACOSX/classifier/._config.json"] = b"x"
    answer = client.post("/classifiers/saved", json={"archive": zipped(files)})
    assert answer.status_code == 201
    said, fresh = answer.json(), client.post("/classifiers", json=request()).json()
    assert said["seconds"] is None
    told = ("engine", "shots", "known", "heard", "doubt")
    assert [said[key] for key in told] == [fresh[key] for key in told]
    first, second = (client.get(f"/classifiers/{one['id']}.zip").content for one in (said, fresh))
    assert first == second


def configured(files: dict[str, bytes], old: bytes, new: bytes) -> None:
    assert old in files["config.json"]
    files["config.json"] = files["config.json"].replace(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.clear(), "the zip holds 0 classifiers. Give the zip of one"),
        (lambda files: files.update({"other/config.json": b"{}"}), "the zip holds 2 classifiers."),
        (lambda files: files.pop("model.safetensors"), "cannot read 'model.safetensors': No such"),
        (lambda files: files.update({"config.json": b"{}"}), "'config.json' has no 'sgps' block"),
        (
            lambda files: files.update({"model.safetensors": b"cut"}),
            "'model.safetensors' is damaged: ",
        ),
        (
            lambda files: configured(
                files, b'"engine_digest": ', b'"more": NaN, "engine_digest": '
            ),
            "'config.json' is damaged: Out of range float",
        ),
        (
            lambda files: configured(files, b'"red"', b'"\\ud800"'),
            "'config.json' is damaged: 'utf-8' codec can't encode",
        ),
        (
            lambda files: configured(files, b"      32,\n      32\n", b"      640,\n      640\n"),
            "the classifier reads pictures of 640 pixels a side, and this service at most 512.",
        ),
    ],
    ids=["empty", "two", "no weights", "foreign", "damaged", "NaN", "half a letter", "large"],
)
def test_what_is_no_saved_classifier_is_told(client, tmp_path, change, message):
    files = saved_files(tmp_path / "saved")
    change(files)
    answer = client.post("/classifiers/saved", json={"archive": zipped(files)})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)


def test_a_file_that_is_no_zip_is_told(client):
    answer = client.post("/classifiers/saved", json={"archive": sent(colored()[0][0])["data"]})
    assert answer.json()["message"].startswith("the classifier's file is not a readable zip (")


def test_a_zip_that_would_fill_the_memory_is_refused(client, tmp_path, monkeypatch):
    files = saved_files(tmp_path / "saved")

    def told(kind: int) -> str:
        answer = client.post("/classifiers/saved", json={"archive": zipped(files, kind)})
        return str(answer.json()["message"])

    # These unpack to whatever they hold, however little is asked for.
    assert told(zipfile.ZIP_LZMA) == (
        "the zip is compressed in an unusual way. Pack it anew, by deflation."
    )
    monkeypatch.setitem(saved._MAX_BYTES, "config.json", 100)
    assert told(zipfile.ZIP_DEFLATED) == "'config.json' in the zip is too large."


def test_a_full_disk_is_told(client, monkeypatch):
    one = made(client)

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    answer = client.get(f"/classifiers/{one}.zip")
    assert (answer.status_code, answer.json()["message"]) == (
        422,
        "the temporary folder cannot be written: No space left on device. Make room on the disk.",
    )


# Mistakes


def problem_of(client: TestClient, body: object) -> dict[str, str]:
    answer = client.post("/classifiers", json=body)
    assert answer.status_code == 422
    assert set(answer.json()) == {"code", "message", "hint"}
    return dict(answer.json())


def test_all_unreadable_pictures_are_listed(client):
    body = request()
    text = base64.b64encode(b"no picture").decode()
    body["classes"][0]["pictures"][:2] = [
        {"name": "a.txt", "data": text},
        {"name": "b.txt", "data": ""},
    ]
    told = problem_of(client, body)
    assert told["code"] == "unusable_input"
    assert told["message"].startswith("2 of 9 pictures cannot be used: a.txt is not a picture (")
    assert "b.txt is empty" in told["message"]


def test_too_many_pictures_are_refused_before_any_is_decoded(client, monkeypatch):
    monkeypatch.setattr("sgps.engine.engine._MOST_PICTURES", 8)
    body = request()
    body["classes"][0]["pictures"][0]["data"] = ""
    assert problem_of(client, body)["message"].startswith("the support has 9 pictures, and an ")


def test_classes_of_one_name_are_refused(client):
    body = request()
    body["classes"][1]["name"] = "red "
    assert problem_of(client, body)["message"].startswith("several classes are called red.")


def test_a_class_with_neither_picture_nor_words_is_named(client):
    body = request()
    body["classes"][0] |= {"pictures": [], "descriptions": []}
    assert "neither a picture nor a description for red" in problem_of(client, body)["message"]


def test_a_malformed_request_is_told_by_place_and_never_repeated(client):
    body = request()
    body["classes"][0]["pictures"][0] = {"name": "x", "data": "a secret"}
    body["classes"][1]["colour"] = "a secret"
    told = problem_of(client, body)
    assert told["code"] == "malformed_request"
    assert "body.classes.0.pictures.0.data: " in told["message"]
    assert "body.classes.1.colour: Extra inputs are not permitted" in told["message"]
    assert "secret" not in str(told)


def test_a_data_url_is_not_taken_for_the_bytes_of_a_picture(client):
    body = request()
    picture = body["classes"][0]["pictures"][0]
    picture["data"] = f"data:image/png;base64,{picture['data']}"
    assert problem_of(client, body)["message"] == "body.classes.0.pictures.0.data: not base64."


def test_one_class_is_refused_as_by_the_command_line(client):
    body = request()
    del body["classes"][1:]
    assert problem_of(client, body)["message"].startswith(
        "a classifier needs at least 2 classes, got red. "
    )


def test_other_errors_have_the_same_form(client):
    assert client.get("/nothing").json()["code"] == "refused"
    assert client.put("/classifiers").status_code == 405


def test_a_bug_is_told_without_what_it_was_about(monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(workbench.Workbench, "synthesize", broken)
    client = TestClient(create_app(ENGINE), base_url=HERE, raise_server_exceptions=False)
    answer = client.post("/classifiers", json=request())
    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert "secret" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


# Strangers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.0.7", "", "[::1"],
)
def test_a_foreign_host_is_refused(client, host):
    answer = client.get("/version", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_host")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_this_computer_is_not(client, host):
    assert client.get("/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9000"]
)
def test_a_page_from_elsewhere_is_refused(client, origin):
    answer = client.post("/classifiers", json=request(), headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_the_own_page_is_not(client):
    answer = client.post("/classifiers", json=request(), headers={"Origin": HERE})
    assert answer.status_code == 201


def test_a_form_of_another_page_cannot_be_a_request(client):
    """Browsers send forms as text or as a form anywhere, without asking; only JSON is read."""
    answer = client.post(
        "/classifiers", content=b'{"classes": []}', headers={"Content-Type": "text/plain"}
    )
    assert answer.json()["code"] == "malformed_request"


def test_endless_and_too_large_requests_are_refused_unread(client, monkeypatch):
    monkeypatch.setattr(guard, "MAX_BODY_BYTES", 1000)
    answer = client.post("/classifiers", json=request())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = client.post("/classifiers", content=iter([b"{}"]))
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize("path", ["/", "/page.js", "/version", "/nothing"])
def test_every_answer_tells_browsers_what_they_must_not_do(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


# The page and the API's description


def test_the_page_needs_nothing_from_elsewhere(client):
    for path, kind in (
        ("/", "html"),
        ("/look.css", "css"),
        ("/page.css", "css"),
        ("/page.js", "java"),
    ):
        answer = client.get(path)
        assert kind in answer.headers["content-type"]
        assert "http:" not in answer.text.replace("http://www.w3.org/", "")
        assert "https:" not in answer.text
    page = client.get("/").text
    assert "Not a medical device" in page
    # The content security policy would block what stands in the page itself.
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


schema = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(ENGINE), headers={"Host": "localhost"}
)


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_invented_requests_are_answered_as_the_description_says(case):
    # No description can say which bytes are a picture, or that names must differ.
    case.call_and_validate(
        headers={"Host": "localhost"}, excluded_checks=[positive_data_acceptance]
    )
