"""The API's forms, for its OpenAPI description and to check what is sent: pydantic models and what each route declares."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

VERSION = "5f0c1a9e7b3d"
HAPPY = {"angry": 0.0, "disgust": 0.0, "fear": 0.0, "happy": 0.97, "sad": 0.0, "surprise": 0.01, "neutral": 0.02}
FACE = {
    "box": [180.7, 61.2, 266.0, 173.4], "score": 0.93,
    "landmarks": [[203.1, 105.9], [242.6, 104.1], [222.8, 126.4], [206.9, 146.0], [241.2, 144.6]],
    "expression": "happy", "confidence": 0.97, "unsure": False, "quality": 0.98, "probability": HAPPY,
    "track_id": None, "raw": None,
}  # fmt: skip
ANSWER = {
    "source": "image", "frame": 0, "time_s": 0.0, "width": 512, "height": 512, "model": "default",
    "model_version": VERSION, "error": None, "faces": [FACE],
}  # fmt: skip
SESSION_ROW = {
    "id": "0b1f6f0c5d0e4d0c8d7d4a4f3f1f9b11", "client": "local", "title": "", "model": "default", "purpose": "personal",
    "started": 1790000000.0, "ended": None, "consent": "", "seconds": 12, "faces": 118,
}  # fmt: skip


CORRECTED = {
    "id": SESSION_ROW["id"], "created": 1790000000.0, "client": "local", "model": "default", "expression": "sad", "given": HAPPY,
    "session": None, "note": "", "consent": False, "taken": None,
}  # fmt: skip


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Correction(BaseModel):
    """What a face shows, where an answer was wrong."""

    model_config = ConfigDict(extra="forbid")
    expression: str = Field(max_length=100, examples=["sad"])
    probability: dict[str, Share] | None = Field(
        None, max_length=64, description="of the answer that is corrected", examples=[HAPPY]
    )
    model: str = Field("", max_length=100, description="that gave it; empty: the one that answers now")
    session: str | None = Field(None, max_length=100)
    note: str = Field("", max_length=1000)
    face_png: str | None = Field(
        None, max_length=2_800_000, description="base64 of the face's picture; sending it is consent to keep it"
    )
    subject: str = Field(
        "", max_length=100, description="whose face it is, a number or a made-up name, where faces are collected"
    )
    agreed: str = Field("", max_length=500, description="the words that this person agreed to")


class Review(BaseModel):
    """What a reviewer decides of a correction."""

    model_config = ConfigDict(extra="forbid")
    correction: str = Field(max_length=100, description="its id")
    decision: str = Field(max_length=20, examples=["accepted"], description="accepted, rejected, or reopened: take it back")
    expression: str = Field("", max_length=100, description="what the face shows, where that is another name than was given")


class Mark(BaseModel):
    """Something that happened at a time of a session."""

    model_config = ConfigDict(extra="forbid")
    time_s: float = Field(ge=0, le=1e6, allow_inf_nan=False, examples=[12.5])
    text: str = Field(min_length=1, max_length=500, examples=["second question"])


class Failure(BaseModel):
    """Why a picture has no answer."""

    kind: str
    message: str


class Face(BaseModel):
    """One face of a picture: what the detector found, and what the classifier says of it."""

    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom in pixels of the upright picture")
    score: float = Field(ge=0, le=1, description="the detector's own")
    landmarks: list[tuple[float, float]] | None = Field(
        description="right eye, left eye, nose, right and left corner of the mouth"
    )
    expression: str | None
    confidence: float | None = Field(description="probability of that name")
    unsure: bool | None
    quality: float | None = Field(description="how well the face can be read, 0..1")
    probability: dict[str, float] | None
    track_id: int | None = Field(description="the same for the same face along a video")
    raw: dict[str, float] | None = Field(description="what the single frame says, where `probability` was smoothed")


class Answer(BaseModel):
    """What is said of one picture (docs/answer.md)."""

    source: str
    frame: int
    time_s: float
    width: int | None
    height: int | None
    model: str | None
    model_version: str | None = Field(description="a hash of all that decides the model's answers")
    error: Failure | None
    faces: list[Face]


class Kept(BaseModel):
    """The id of what was kept."""

    id: str


class Corrected(BaseModel):
    """A correction, as it is kept."""

    id: str
    created: float = Field(description="seconds since 1970")
    client: str
    model: str
    expression: str
    given: dict[str, float] | None
    session: str | None
    note: str
    consent: bool = Field(description="whether the face's picture is kept with it")
    taken: float | None = Field(description="when it entered the faces that are learnt from")


class Question(BaseModel):
    """A correction that waits for a person's word."""

    id: str
    created: float = Field(description="seconds since 1970")
    client: str = Field(description="who gave it")
    model: str
    expression: str = Field(description="what it is said to show")
    given: dict[str, float] | None = Field(description="the answer that was corrected")
    note: str
    subject: str
    why: str = Field(description="why it waits")
    face_png: str = Field(description="base64")


class Waiting(BaseModel):
    """What there is to review."""

    waiting: int
    questions: list[Question]


class Moment(BaseModel):
    """A face in a second of a session: means over its frames."""

    second: int
    track: int
    frames: int
    unsure: int
    probability: dict[str, float]


class SessionHead(BaseModel):
    """One live connection."""

    id: str
    client: str
    title: str
    model: str
    purpose: str
    started: float = Field(description="seconds since 1970")
    ended: float | None
    consent: str = Field(description="words agreed to for recording; empty: nothing is recorded")


class SessionRow(SessionHead):
    """One of the sessions there are."""

    seconds: int
    faces: int = Field(description="frames times faces")


class Session(SessionHead):
    """All that is kept of a session but pictures."""

    moments: list[Moment]
    marks: list[Mark]
    records: int = Field(description="crops of faces that are kept")


PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong"},
        "kind": {"type": "string", "description": "a stable word, as in docs/answer.md"},
        "would_work": {"type": "string", "description": "what to do about it"},
        "request_id": {"type": "string"},
    },
}  # fmt: skip
MEANINGS = {
    400: "Malformed", 401: "No key, or a wrong one", 403: "The key may not do that", 404: "Not there",
    406: "No such form of answer", 413: "Too large", 415: "Of another kind", 422: "Cannot be read",
    429: "Too many in a minute", 503: "Busy: try again",
}  # fmt: skip


def problems(*statuses: int) -> dict[int, dict[str, Any]]:
    """Responses in problem+json."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


def _json(description: str, model: Any, example: Any) -> dict[str, Any]:
    """`model` describes the answer; FastAPI does not check against it, the tests do."""
    return {"model": model, "description": description, "content": {"application/json": {"example": example}}}


def _sent(name: str) -> dict[str, Any]:
    """A body of JSON in the form of that name."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


EVERYWHERE = (401, 403, 429, 503)
BYTES = {"type": "string", "format": "binary"}
PREDICT: dict[str, Any] = {
    "responses": {
        200: {
            "model": Answer | list[Answer],
            "description": "One answer for one picture, a list for several (docs/answer.md); or the picture, boxes drawn in",
            "content": {"application/json": {"example": ANSWER}, "image/png": {"schema": BYTES}},
        },
        **problems(400, *EVERYWHERE, 404, 406, 413, 415, 422),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "image/jpeg": {"schema": BYTES},
                "image/png": {"schema": BYTES},
                "multipart/form-data": {
                    "schema": {
                        "type": "object", "required": ["image"],
                        "properties": {"image": {"type": "array", "items": BYTES, "minItems": 1}},
                    },
                },
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "image": {"type": "string", "description": "base64, with or without data:, or an http(s) address"},
                            "images": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                        },
                        "anyOf": [{"required": ["image"]}, {"required": ["images"]}],
                    },
                    "examples": {
                        "address": {"value": {"image": "https://example.org/portrait.jpg"}},
                        "several": {"value": {"images": ["data:image/png;base64,...", "https://example.org/group.jpg"]}},
                    },
                },
            },
        }
    },
}  # fmt: skip
MODELS: dict[str, Any] = {
    "responses": {
        200: _json("Cards", list[dict[str, Any]], [{"name": "default", "version": VERSION, "active": True}]),
        **problems(*EVERYWHERE),
    }
}  # fmt: skip
FEEDBACK: dict[str, Any] = {
    "openapi_extra": _sent("Correction"),
    "responses": {201: _json("Kept", Kept, {"id": SESSION_ROW["id"]}), **problems(400, *EVERYWHERE, 404, 413, 415, 422)},
}
CORRECTIONS: dict[str, Any] = {
    "responses": {
        200: _json("Corrections", list[Corrected], [CORRECTED]),
        **problems(*EVERYWHERE),
    }
}
SESSIONS: dict[str, Any] = {"responses": {200: _json("Sessions", list[SessionRow], [SESSION_ROW]), **problems(*EVERYWHERE)}}
MARK = {"time_s": 12.5, "text": "second question"}
MOMENT = {"second": 0, "track": 1, "frames": 10, "unsure": 1, "probability": HAPPY}
SESSION: dict[str, Any] = {
    "responses": {
        200: _json("A session", Session, {**SESSION_ROW, "moments": [MOMENT], "marks": [MARK], "records": 0}),
        **problems(*EVERYWHERE, 404),
    }
}
CSV: dict[str, Any] = {
    "responses": {
        200: {"description": "A row a second and face", "content": {"text/csv": {"schema": {"type": "string"}}}},
        **problems(*EVERYWHERE, 404),
    }
}
CROPS: dict[str, Any] = {
    "responses": {
        200: {"description": "A ZIP of PNG files", "content": {"application/zip": {"schema": BYTES}}},
        **problems(*EVERYWHERE, 404),
    }
}
MARKED: dict[str, Any] = {
    "openapi_extra": _sent("Mark"),
    "responses": {
        201: _json("Noted", Mark, MARK),
        **problems(400, *EVERYWHERE, 404, 413, 415, 422),
    },
}
ERASED: dict[str, Any] = {"responses": {204: {"description": "Nothing is left of it"}, **problems(*EVERYWHERE, 404)}}
QUESTION = {
    **{name: CORRECTED[name] for name in ("id", "created", "client", "model", "expression", "given", "note")},
    "subject": "", "why": "3f2a has not been right often enough yet", "face_png": "iVBORw0KGgo...",
}  # fmt: skip
QUESTIONS: dict[str, Any] = {
    "responses": {200: _json("What waits", Waiting, {"waiting": 1, "questions": [QUESTION]}), **problems(*EVERYWHERE, 422)}
}
REVIEWED: dict[str, Any] = {
    "openapi_extra": _sent("Review"),
    "responses": {201: _json("Kept", Kept, {"id": SESSION_ROW["id"]}), **problems(400, *EVERYWHERE, 404, 413, 415, 422)},
}
