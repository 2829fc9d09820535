"""REST for reviewers: the corrections that wait for a person's word, and what they decide of them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from mien.feedback.review import Question, Reviews
from mien.serving import schemas
from mien.serving.auth import Client
from mien.serving.bodies import form_of
from mien.serving.rest import client_for
from mien.serving.service import Service

router = APIRouter(prefix="/v1/reviews")
AT_ONCE = 24
"""Questions of one answer; more are there when these are decided."""


def _reviews(request: Request) -> tuple[Service, Client, Reviews]:
    service, client = client_for(request, "review")
    return service, client, Reviews(service.store, service.recognizer.classifier.labels)


@router.get("", **schemas.QUESTIONS)
async def questions(request: Request) -> JSONResponse:
    """How many corrections wait for a person's word, and the least sure of them, with their pictures."""
    _, client, reviews = _reviews(request)
    waiting = [question for question in await asyncio.to_thread(reviews.queue) if reviews.open_to(question, client.id)]
    return JSONResponse({"waiting": len(waiting), "questions": [_told(question) for question in waiting[:AT_ONCE]]})


@router.post("", status_code=201, **schemas.REVIEWED)
async def decide(request: Request) -> JSONResponse:
    """Accept a correction, as it was given or under another name; reject it; or take a decision back."""
    _, client, reviews = _reviews(request)
    given = await form_of(request, schemas.Review)
    await asyncio.to_thread(reviews.decide, given.correction, client.id, given.decision, given.expression)
    return JSONResponse({"id": given.correction}, 201)


def _told(question: Question) -> dict[str, Any]:
    row = question.offered.row
    told = {name: row[name] for name in ("id", "created", "client", "model", "expression", "given", "note", "subject")}
    return {**told, "why": question.why, "face_png": base64.b64encode(question.offered.png).decode()}
