"""REST with a real server: the command line's answer, typed errors, corrections."""

import base64
import json
import re

import numpy as np
import pytest

from helpers import astronaut, encoded, faceless, mien

pytestmark = pytest.mark.slow
PHOTO = encoded(astronaut(), "JPEG", quality=92)
PNG = {"content_type": "image/png"}


def form(*files, field="image"):
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + b"--b--\r\n", {"content_type": "multipart/form-data; boundary=b"}


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """What the command line says of the photo."""
    file = tmp_path_factory.mktemp("photo") / "p.jpg"
    file.write_bytes(PHOTO)
    return json.loads(mien("predict", file, "--json").stdout)


def same(answer, wanted):
    assert answer.status == 200, answer.body
    assert {k: v for k, v in answer.json.items() if k != "source"} == {k: v for k, v in wanted.items() if k != "source"}


def test_bytes_forms_and_base64_give_the_command_lines_answer(server, wanted):
    body, kind = form(("p.jpg", PHOTO))
    text = base64.b64encode(PHOTO).decode()
    same(server.ask("/v1/predict", PHOTO, content_type="image/jpeg"), wanted)
    same(server.ask("/v1/predict", PHOTO, content_type="application/octet-stream"), wanted)
    same(server.ask("/v1/predict", body, **kind), wanted)
    same(server.ask("/v1/predict", {"image": text}), wanted)
    same(server.ask("/v1/predict", {"image": f"data:image/jpeg;base64,{text}"}), wanted)


def test_of_several_pictures_a_bad_one_does_not_stop_the_others(server):
    body, kind = form(("a.jpg", PHOTO), ("b.jpg", b"nonsense"), ("c.png", encoded(faceless())), ("d.jpg", b""))
    answers = server.ask("/v1/predict", body, **kind).json
    assert [(a["source"], len(a["faces"]), (a["error"] or {}).get("kind")) for a in answers] == [
        ("a.jpg", 1, None), ("b.jpg", 0, "not_an_image"), ("c.png", 0, None), ("d.jpg", 0, "empty"),
    ]  # fmt: skip


def test_the_annotated_picture_is_a_png_of_the_same_size(server):
    from mien.image import decode

    answer = server.ask("/v1/predict", PHOTO, content_type="image/jpeg", accept="image/png,*/*;q=0.5")
    assert (answer.headers["content-type"], decode(answer.body).shape) == ("image/png", (512, 512, 3))


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"", "image/jpeg", 422, "zero bytes"),
        (b"nonsense", "image/jpeg", 415, "not a picture"),
        (PHOTO[:2000], "image/jpeg", 422, "damaged"),
        (b"{", "application/json", 400, "no JSON"),
        (b"[1]", "application/json", 422, "but no object"),
        (b'{"image": 5}', "application/json", 422, "image is a text"),
        (b'{"image": "/etc/passwd"}', "application/json", 415, "not base64"),
        (b'{"image": "http://127.0.0.1:1/x.jpg"}', "application/json", 422, "private"),
        (b"{}", "application/json", 422, "no picture"),
        (b"--b\r\nbroken", "multipart/form-data; boundary=b", 422, "no picture"),
        (b"broken", "multipart/form-data; boundary=b", 400, ""),
        (b"x", "multipart/form-data", 400, "boundary"),
        (b"hello", "text/plain", 415, "text/plain"),
    ],
)
def test_a_bad_body_is_a_problem_that_says_what_is_wrong(server, body, kind, status, said):
    answer = server.ask("/v1/predict", body, content_type=kind)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json["detail"]
    assert answer.json["request_id"] == answer.headers["x-request-id"]


def test_too_much_is_refused_before_it_is_read(server):
    answer = server.ask("/v1/predict", b"x" * 21_000_000, content_type="image/jpeg")
    assert (answer.status, answer.json["kind"]) == (413, "too_large")
    body, kind = form(*[("p.jpg", b"x")] * 17)
    assert server.ask("/v1/predict", body, **kind).status in (400, 413)


def test_forms_of_answer_that_there_are_not_are_406(server):
    answer = server.ask("/v1/predict", PHOTO, content_type="image/jpeg", accept="text/html")
    assert (answer.status, "image/png" in answer.json["would_work"]) == (406, True)
    body, kind = form(("a.jpg", PHOTO), ("b.jpg", PHOTO))
    assert server.ask("/v1/predict", body, accept="image/png", **kind).status == 406


def test_other_methods_are_405_with_those_there_are(server):
    answer = server.ask("/v1/feedback", method="PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


def test_models_are_cards_and_one_is_active(server):
    cards = server.ask("/v1/models").json
    assert {"default", "fer2013", "mini"} <= {card["name"] for card in cards}
    assert [card["name"] for card in cards if card["active"]] == ["default"]


def test_a_correction_is_kept_listed_and_erased(server):
    face = base64.b64encode(encoded(faceless(48, 48))).decode()
    made = server.ask("/v1/feedback", {"expression": "sad", "probability": {"happy": 0.9}, "face_png": face, "note": "n"})
    assert made.status == 201
    row = next(r for r in server.ask("/v1/feedback").json if r["id"] == made.json["id"])
    assert (row["expression"], row["consent"], row["client"], row["model"]) == ("sad", True, "local", "default")
    assert server.ask(f"/v1/feedback/{row['id']}", method="DELETE").status == 204
    assert server.ask(f"/v1/feedback/{row['id']}", method="DELETE").status == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"expression": "smug"}, 422, "there are: angry"),
        ({}, 422, "expression"),
        ({"expression": "sad", "session": "absent"}, 404, "no session"),
        ({"expression": "sad", "face_png": "!!"}, 415, "base64"),
        ({"expression": "sad", "colour": 1}, 422, "colour"),
        ({"expression": "sad", "model": "none"}, 422, "no model named"),
        (b"{", 400, "JSON"),
    ],
)
def test_a_wrong_correction_is_a_problem(server, body, status, said):
    kind = {} if isinstance(body, dict) else {"content_type": "application/json"}
    answer = server.ask("/v1/feedback", body, **kind)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json["detail"]


def test_health_metrics_and_description(server):
    assert server.ask("/healthz").json == {"status": "ok"}
    assert server.ask("/readyz", method="HEAD").status == 200
    text = server.ask("/metrics").body.decode()
    assert 'mien_requests_total{method="GET",path="/healthz",status="200"}' in text
    described = server.ask("/openapi.json").json
    assert {"/v1/predict", "/v1/models", "/v1/feedback", "/v1/sessions"} <= set(described["paths"])
    assert "application/problem+json" in described["paths"]["/v1/feedback"]["post"]["responses"]["422"]["content"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.org"}, 421),
        ({"origin": "http://evil.org"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"x_forwarded_for": "1.2.3.4"}, 401),
        ({"authorization": "Bearer mien_a_b"}, 401),
    ],
)
def test_other_sites_and_hidden_callers_are_refused(server, headers, status):
    answer = server.ask("/v1/models", **headers)
    assert answer.status == status
    if status != 200:
        assert {"kind", "would_work", "detail"} <= set(answer.json)
        assert answer.json["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_error_says_its_kind_and_what_would_work(server):
    for path, method in (("/nowhere", "GET"), ("/v1/predict", "PUT"), ("/v1/sessions/x", "GET")):
        answer = server.ask(path, method=method)
        assert answer.json["kind"]
        assert answer.json["would_work"]


def test_what_comes_after_a_socket_io_connection_s_end_is_answered(server):
    import time

    def post(body):
        return server.ask(f"/socket.io/?EIO=4&transport=polling&sid={sid}", body, content_type="text/plain")

    sid = json.loads(server.ask("/socket.io/?EIO=4&transport=polling").body[1:])["sid"]
    assert post(b"1").status == 200
    after = post(b"2")
    assert (after.status, after.headers["content-type"]) == (400, "application/problem+json")
    sid = json.loads(server.ask("/socket.io/?EIO=4&transport=polling").body[1:])["sid"]
    start = time.monotonic()
    assert post(b"2").status == 400
    assert time.monotonic() - start < 9


def test_answers_forbid_the_page_what_it_does_not_need(server):
    headers = server.ask("/v1/models").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_page_is_there_and_fetches_nothing_from_elsewhere(server):
    page = server.ask("/")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(rb"(src|href)=.?(https?:)?//", page.body)
    for name in re.findall(rb'(?:src|href)="(/web/[^"]+)"', page.body):
        assert server.ask(name.decode()).status == 200


def test_the_dashboard_is_a_page_too(server):
    page = server.ask("/dashboard")
    assert b"/web/dashboard.js" in page.body
    assert server.ask("/web/dashboard.js").status == 200


def test_a_page_of_a_site_that_was_let_in_may_ask_and_others_may_not(start_server):
    running = start_server("--data", ":memory:", MIEN_SERVE_ORIGINS="https://a.org")
    asks = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    for path in ("/v1/predict", "/v1/sessions/x"):
        told = running.ask(path, method="OPTIONS", origin="https://a.org", **asks)
        assert (told.status, told.headers["access-control-allow-origin"]) == (204, "https://a.org")
        assert "DELETE" in told.headers["access-control-allow-methods"]
        assert running.ask(path, method="OPTIONS", origin="https://b.org", **asks).status == 403
    answer = running.ask("/v1/predict", PHOTO, content_type="image/jpeg", origin="https://a.org")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://a.org")
    assert {"Accept", "Origin"} <= set(answer.headers.get_all("vary"))


def test_a_name_of_no_smoother_is_refused_at_the_start(start_server):
    with pytest.raises(RuntimeError, match="bogus"):
        start_server("--data", ":memory:", "--smooth", "bogus")


def test_large_pictures_in_one_request_are_not_all_held_at_once(server):
    picture = np.zeros((3000, 3000, 3), np.uint8)  # 27 MB each
    body = json.dumps({"images": [base64.b64encode(encoded(picture)).decode()] * 8}).encode()
    answers = server.ask("/v1/predict", body, content_type="application/json").json
    assert [a["width"] for a in answers] == [3000] * 8


def test_the_page_is_asked_for_anew_after_an_upgrade(server):
    assert server.ask("/").headers["cache-control"] == "no-cache"
    assert server.ask("/web/main.js").headers["cache-control"] == "no-cache"
    assert server.ask("/v1/models").headers["cache-control"] == "no-store"
