"""REST, version 1: pictures in, the answer of the command line out; models, corrections, sessions.

Every error is problem+json (mien.serving.problems). One bad picture among several is an answer with its `error`.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from mien.annotators import annotate
from mien.answer import answer
from mien.card import ModelCard
from mien.errors import MienError
from mien.faces import Faces
from mien.image import Limits, encode, from_base64, load
from mien.serving import schemas
from mien.serving.auth import Client, allowed, client_of, may
from mien.serving.bodies import Sent, data_of, form_of, pictures
from mien.serving.engine import Busy
from mien.serving.inbrowser import described, net
from mien.serving.problems import Problem, logged
from mien.serving.service import Service
from mien.weights import find_card, packaged

router = APIRouter(prefix="/v1")
WITHIN = 10.0
"""Seconds in which a request's picture must be begun."""


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    if not service.ready:
        raise Problem(503, "the server is starting or stopping", kind="busy", headers={"Retry-After": "1"})
    return service


def client_for(request: Request, scope: str = "") -> tuple[Service, Client]:
    """Raises Problem for who has no key, or none for this scope; empty: any key will do."""
    service = service_of(request)
    client = client_of(service, request.scope)
    if scope:
        may(client, scope)
    return service, client


@router.post("/predict", **schemas.PREDICT)
async def predict(request: Request) -> Response:
    """The faces of one picture or several, and what they show.

    Send the bytes of a picture, a form with `image` files, or JSON with base64 or addresses. One picture is answered by
    one object, several by a list in their order. `Accept: image/png` answers one picture with itself, boxes drawn in."""
    service, client = client_for(request, "predict")
    drawn = _drawn(request.headers.get("accept", ""))
    sent = await pictures(request, service.settings)
    if drawn and len(sent) > 1:
        raise Problem(406, f"{len(sent)} pictures cannot be one PNG", would_work="Send one, or accept application/json.")
    allowed(service, client, len(sent))
    finish = _picture if drawn else _size
    found = await asyncio.gather(*(_seen(service, client, one, finish) for one in sent), return_exceptions=True)
    first = found[0]
    if isinstance(first, BaseException) and (len(found) == 1 or all(isinstance(one, Busy) for one in found)):
        raise first
    if len(found) == 1:
        if drawn and not isinstance(first, BaseException):
            return Response(first[0], media_type="image/png", headers=VARY)
        return JSONResponse(_answer(service, sent[0], first), headers=VARY)
    return JSONResponse([_answer(service, *pair) for pair in zip(sent, found, strict=True)], headers=VARY)


VARY = {"Vary": "Accept"}


def _drawn(accept: str) -> bool:
    """Whether a PNG is wanted rather than JSON. Raises Problem 406 where neither is."""
    ranked: list[tuple[float, bool]] = []
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        kind, *more = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in more if word.startswith("q=")), "1")
        weight = float(quality) if quality.replace(".", "", 1).isdigit() else 0.0
        if kind in ("application/json", "application/*", "*/*", "application/problem+json"):
            ranked.append((weight, False))
        elif kind in ("image/png", "image/*"):
            ranked.append((weight, True))
    best = max(ranked, key=lambda row: row[0], default=(0.0, False))
    if best[0] <= 0:
        raise Problem(406, f"{accept!r:.200} is none of the forms there are", would_work="Accept application/json or image/png.")
    return best[1]


def _size(image: np.ndarray, faces: Faces) -> tuple[tuple[int, int], Faces]:
    return (image.shape[1], image.shape[0]), faces


def _picture(image: np.ndarray, faces: Faces) -> tuple[bytes, Faces]:
    return encode(annotate(image, faces)), faces


async def _seen(service: Service, client: Client, sent: Sent, finish: Callable[[np.ndarray, Faces], Any]) -> Any:
    """What `finish` makes of the picture, and its faces; the picture itself is not held on to."""
    s = service.settings
    data = await data_of(sent, s, service.fetches, client.id + client.address)
    limits = Limits(bytes=int(s.body_mb * 1e6), pixels=int(s.megapixels * 1e6))
    recognizer = service.recognizer

    def find() -> tuple[np.ndarray, Faces]:
        return recognizer.find(load(data, limits, name=sent.name))

    def done(image: np.ndarray, faces: Faces) -> Any:
        service.saw(image, faces)
        return finish(image, faces)

    job = service.engine.submit(client.id + client.address, find, done, within=WITHIN)
    made: tuple[Any, Faces] = await asyncio.wrap_future(job)
    return made


def _answer(service: Service, sent: Sent, found: tuple[tuple[int, int], Faces] | BaseException) -> dict[str, Any]:
    card = service.recognizer.card
    if isinstance(found, tuple):
        size, faces = found
        return answer(sent.name, size=size, card=card, faces=faces)
    problem = logged(found, sent.name)
    return answer(sent.name, card=card, error=MienError(problem.kind or "server", problem.detail))


@router.get("/models", **schemas.MODELS)
async def models(request: Request) -> JSONResponse:
    """The cards of the models there are, with their versions; `active` is the one that answers."""
    service, _ = client_for(request)
    active = service.recognizer.card
    cards = {card.version: card for card in (*(ModelCard.load(find_card(name)) for name in packaged()), active)}
    said = ({"version": version, "active": version == active.version} for version in cards)
    return JSONResponse([{**json.loads(card.to_json()), **more} for card, more in zip(cards.values(), said, strict=True)])


@router.get("/browser", include_in_schema=False)
async def browser(request: Request) -> JSONResponse:
    """For the page: what it needs to do the work itself."""
    service, _ = client_for(request, "predict")
    return JSONResponse(described(service))


@router.get("/browser/{name}", include_in_schema=False)
async def browser_net(request: Request, name: str) -> Response:
    service, _ = client_for(request, "predict")
    headers = {"Cache-Control": "private, max-age=86400"}
    return FileResponse(net(service, name), media_type="application/octet-stream", headers=headers)


@router.post("/feedback", status_code=201, **schemas.FEEDBACK)
async def correct(request: Request) -> JSONResponse:
    """Say what a face shows where an answer was wrong. `face_png`, base64, is kept, and only if it is sent."""
    service, client = client_for(request, "feedback")
    allowed(service, client)
    given = await form_of(request, schemas.Correction)
    _ask_for_a_model(service, given.model)
    png = await asyncio.to_thread(_png, given.face_png) if given.face_png else None
    session = given.session
    if session:
        await _written(service, client, session)
        await asyncio.to_thread(service.sessions.get, session, client.sees)
    add = service.corrections.add
    id = await asyncio.to_thread(
        add, client.id, given.model or service.recognizer.card.name, given.expression,
        given=given.probability, session=session, note=given.note, png=png,
        subject=given.subject, agreed=given.agreed,
    )  # fmt: skip
    service.corrected()
    return JSONResponse({"id": id}, 201)


def _ask_for_a_model(service: Service, name: str) -> None:
    """Raises Problem 422 for one that is not there; none is the one that answers."""
    there = sorted({service.recognizer.card.name, *packaged()})
    if name and name not in there:
        raise Problem(422, f"no model named {name!r:.100}", would_work=f"One of: {', '.join(there)}.")


def _on(service: Service, client: Client, session: str) -> Any:
    """The live connection whose session this is, if the client may see it."""
    seen = (live for live in list(service.cameras) if client.sees in (None, live.client.id))
    return next((live for live in seen if live.session == session), None)


async def _written(service: Service, client: Client, session: str) -> None:
    """Of a session that is on, all is put in the store so far."""
    live = _on(service, client, session)
    if live and live.keeps:
        live.keep()
        await asyncio.wrap_future(live.write(lambda id: None))


def _png(text: str) -> bytes:
    """A face's crop as a PNG of our own making, whatever was sent. Raises ImageError."""
    return encode(load(from_base64(text), Limits(bytes=2_000_000, pixels=1_000_000), name="face_png"))


@router.get("/feedback", **schemas.CORRECTIONS)
async def corrections(request: Request) -> JSONResponse:
    """The corrections you gave, the newest first; with the scope `dashboard` everybody's."""
    service, client = client_for(request, "feedback")
    return JSONResponse(await asyncio.to_thread(service.corrections.all, client.sees))


@router.delete("/feedback/{id}", status_code=204, **schemas.ERASED)
async def uncorrect(request: Request, id: str) -> Response:
    """Erase a correction and the picture that came with it."""
    service, client = client_for(request, "feedback")
    await asyncio.to_thread(service.corrections.erase, id, client.sees)
    await asyncio.to_thread(service.store.note, client.id, "erase correction", id)
    return Response(status_code=204)


@router.get("/sessions", **schemas.SESSIONS)
async def sessions(request: Request) -> JSONResponse:
    """Your live sessions, the newest first; with the scope `dashboard` everybody's."""
    service, client = client_for(request, "sessions")
    allowed(service, client)
    await asyncio.gather(*(_written(service, client, live.session) for live in list(service.cameras)))
    return JSONResponse(await asyncio.to_thread(service.sessions.all, client.sees))


@router.get("/sessions/{id}", **schemas.SESSION)
async def session(request: Request, id: str) -> JSONResponse:
    """All that is kept of a session but pictures: a row a second and face, and its marks."""
    service, client = client_for(request, "sessions")
    allowed(service, client)
    await _written(service, client, id)
    whole = await asyncio.to_thread(service.sessions.export, id, client.sees)
    service.write(service.store.note, client.id, "export session", id)
    return JSONResponse(whole)


@router.get("/sessions/{id}/csv", **schemas.CSV)
async def session_csv(request: Request, id: str) -> Response:
    """The same as a table."""
    service, client = client_for(request, "sessions")
    allowed(service, client)
    await _written(service, client, id)
    text = await asyncio.to_thread(lambda: _csv(service.sessions.export(id, client.sees)))
    service.write(service.store.note, client.id, "export session", id)
    name = f'attachment; filename="session-{id[:8]}.csv"'
    return Response(text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


def _csv(session: dict[str, Any]) -> str:
    """A row a second and face; a mark has a row of its own, at its second."""
    moments, marks = session["moments"], session["marks"]
    names = list(moments[0]["probability"]) if moments else []
    rows = [(m["second"], m["track"], m["frames"], m["unsure"], *m["probability"].values(), "") for m in moments]
    rows += [(int(m["time_s"]), "", "", "", *[""] * len(names), _harmless(m["text"])) for m in marks]
    file = io.StringIO()
    csv.writer(file).writerows([("second", "track", "frames", "unsure", *names, "mark"), *sorted(rows, key=lambda row: row[0])])
    return file.getvalue()


def _harmless(text: str) -> str:
    """A text of one line that no spreadsheet takes for a formula."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


@router.get("/sessions/{id}/crops", **schemas.CROPS)
async def crops(request: Request, id: str) -> Response:
    """The crops of faces that were recorded with consent, as a ZIP of PNG files named by second and track."""
    service, client = client_for(request, "sessions")
    allowed(service, client)
    await _written(service, client, id)
    data = await asyncio.to_thread(lambda: _zip(service.sessions.records(id, client.sees)))
    service.write(service.store.note, client.id, "export crops", id)
    name = f'attachment; filename="session-{id[:8]}-crops.zip"'
    return Response(data, media_type="application/zip", headers={"Content-Disposition": name})


def _zip(records: Sequence[tuple[float, int | None, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, (time_s, track, png) in enumerate(records):
            archive.writestr(f"{i:05d}-{time_s:.2f}s-face{track or 0}.png", png)
    return file.getvalue()


@router.post("/sessions/{id}/marks", status_code=201, **schemas.MARKED)
async def mark(request: Request, id: str) -> JSONResponse:
    """Note something at a time of a session, such as a question of an interview."""
    service, client = client_for(request, "sessions")
    allowed(service, client)
    given = await form_of(request, schemas.Mark)
    await _written(service, client, id)
    await asyncio.to_thread(service.sessions.mark, id, given.time_s, given.text, client.sees)
    return JSONResponse({"time_s": given.time_s, "text": given.text}, 201)


@router.delete("/sessions/{id}", status_code=204, **schemas.ERASED)
async def erase(request: Request, id: str) -> Response:
    """Erase all that is kept of a session."""
    service, client = client_for(request, "sessions")
    live = _on(service, client, id)
    if live:
        live.erased = True
    await asyncio.wrap_future(service.write(_erased, service, client, id, bool(live)))
    return Response(status_code=204)


def _erased(service: Service, client: Client, id: str, on: bool) -> None:
    """In the store's thread, behind what is still to be written; a session that is `on` may have nothing in the store yet."""
    with suppress(LookupError) if on else nullcontext():
        service.sessions.erase(id, client.sees)
    service.store.note(client.id, "erase session", id)


@router.delete("/usual", status_code=204, **schemas.ERASED)
async def forget_usual(request: Request) -> Response:
    """Let the monitor of the live stream learn anew what is usual, such as after a camera was moved on purpose."""
    service, client = client_for(request, "dashboard")
    if service.watch is None:
        raise LookupError("the monitor of the live stream is switched off here")
    await asyncio.to_thread(service.watch.forget)
    service.write(service.store.note, client.id, "forget what is usual")
    return Response(status_code=204)
