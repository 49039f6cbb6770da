"""What goes over the wire, as JSON. Pictures are base64 inside it: a form's files would be spooled to disk as they arrive."""

from __future__ import annotations

import base64
import unicodedata
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    Base64Encoder,
    BaseModel,
    ConfigDict,
    EncodedBytes,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

MAX_PICTURES = 200
"""Most pictures of one class, and of one question."""


class _StrictBase64(Base64Encoder):
    """Refuses what pydantic's own would pass over, such as the head of a data URL."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return base64.b64decode(data, validate=True)
        except ValueError as error:
            raise PydanticCustomError("base64_decode", "not base64") from error


Base64: TypeAlias = Annotated[bytes, EncodedBytes(encoder=_StrictBase64)]
Text: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)
]
"""A description."""
Name: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    # As of a folder's name: the same word may be typed in two ways.
    AfterValidator(lambda name: unicodedata.normalize("NFC", name)),
]
"""The name of a class."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Picture(_Request):
    """One picture, in any format that `sgps synthesize` reads."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=300)] = Field(
        description="What messages and answers call it; nothing else is done with it."
    )
    data: Base64 = Field(description="The bytes of its file.")


class DescribedClass(_Request):
    """One class: pictures, descriptions, or both."""

    name: Name
    descriptions: list[Text] = Field(default=[], max_length=20)
    pictures: list[Picture] = Field(default=[], max_length=MAX_PICTURES)


class SynthesisRequest(_Request):
    """The labelled pictures and descriptions that a classifier is synthesized from."""

    classes: list[DescribedClass] = Field(max_length=100)


class SavedClassifier(_Request):
    """A classifier that was synthesized before."""

    archive: Base64 = Field(description="The bytes of a zip of its folder.")


class PredictionRequest(_Request):
    """Pictures to classify."""

    pictures: list[Picture] = Field(min_length=1, max_length=MAX_PICTURES)
    explain: bool = Field(
        default=False, description="Whether to send `seen` and `evidence`, two pictures for each."
    )


class Classifier(BaseModel):
    """A classifier, kept in memory until newer ones take its place."""

    id: str
    engine: str = Field(description="The engine that synthesized it.")
    shots: dict[str, int] = Field(description="Pictures of each class that it was made from.")
    seconds: float | None = Field(description="How long synthesis took; none of a saved one.")
    known: list[str] = Field(description="Known classes that the descriptions brought in.")
    heard: list[str] = Field(description="What was heard in the description of each class.")
    doubt: str | None = Field(
        description="What to check where pictures do not look like their descriptions."
    )


class Prediction(BaseModel):
    """What a classifier says of one picture."""

    picture: str
    prediction: str
    confidence: float
    typicality: float | None = Field(
        description="Share of pictures like the support's that are at least as strange."
    )
    atypical: bool = Field(
        description="Whether it looks unlike the support pictures, so that its prediction means little."
    )
    probabilities: dict[str, float]
    seen: str | None = Field(description="PNG in base64: the picture as the network saw it.")
    evidence: str | None = Field(
        description="PNG in base64: the same, with what spoke for the prediction laid over it."
    )


class KnownCondition(BaseModel):
    """An entry of the clinical catalogue."""

    name: str
    modality: str
    descriptions: list[str]


class Version(BaseModel):
    """What answers here."""

    sgps: str
    engine: str
    engine_digest: str


class Health(BaseModel):
    """Said as soon as the engine is loaded."""

    status: str = "ok"


class Problem(BaseModel):
    """Every answer that is not what was asked for."""

    code: str
    message: str
    hint: str | None = None
