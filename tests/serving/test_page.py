"""The page in a real browser (Chromium), with a camera that shows a real face."""

import base64
import functools
import json
import os
import shutil
import time
from pathlib import Path

import pytest

import mien
from helpers import FACE, astronaut, encoded, faceless, filmed, key, noise

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium, or its path in CHROMIUM", allow_module_level=True)
pytestmark = pytest.mark.slow
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


def film():
    """Twelve frames of a face that moves from side to side, as motion JPEG."""
    picture, out = astronaut()[:384], b""
    for step in range(12):
        out += encoded(picture[:, 10 * abs(6 - step) :][:, :448], "JPEG", quality=90)
    return out


@pytest.fixture(scope="module")
def launch():
    with sync_api.sync_playwright() as playwright:
        made = []

        def launched(*flags):
            made.append(playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *flags]))
            return made[-1]

        yield launched
        for browser in made:
            browser.close()


@pytest.fixture(scope="module")
def chromium(launch, tmp_path_factory):
    video = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    video.write_bytes(film())
    return launch("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}")


@pytest.fixture(scope="module")
def chromium_elsewhere(launch):
    """A browser for which the server is not on its own machine."""
    return launch("--host-resolver-rules=MAP mien.test 127.0.0.1")


@pytest.fixture
def visit(chromium, server):
    """`visit(path, **context)` -> a page, whose errors fail the test."""
    contexts, errors = [], []

    def opened(path="/", permissions=("camera",), viewport=DESKTOP, address=server.url, **more):
        context = chromium.new_context(viewport=viewport, permissions=list(permissions), **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [error for error in errors if not error.startswith("Failed to load resource")] == []  # a refused picture is one


def upload(page, image, name="photo.png"):
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": encoded(image)})


def saved(page, press):
    with page.expect_download() as waited:
        page.click(press)
    return waited.value.path().read_bytes()


def test_a_picture_is_read_and_its_answer_can_be_kept(visit):
    page = visit()
    upload(page, astronaut())
    assert "happy" in page.text_content(".card .says")
    assert page.text_content("#count") == "One face"
    face = json.loads(saved(page, "#save-json"))["faces"][0]
    assert all(abs(a - b) < 40 for a, b in zip(face["box"], FACE, strict=True))
    assert saved(page, "#save-png").startswith(b"\x89PNG")


GIVEN = """async ([event, base64, type]) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "given", { type }));
  const happened = event === "drop"
    ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
  document.getElementById("drop").dispatchEvent(happened);
}"""


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(visit, event):
    page = visit()
    page.evaluate(GIVEN, [event, base64.b64encode(encoded(astronaut())).decode(), "image/png"])
    page.wait_for_selector(".card")
    assert "happy" in page.text_content(".card .says")


def test_a_video_is_read_to_its_end_and_nothing_of_it_is_kept(visit, server, tmp_path):
    filmed(tmp_path / "face.webm")
    before = len(server.ask("/v1/sessions").json)
    page = visit()
    page.set_input_files("#file", tmp_path / "face.webm")
    page.wait_for_selector(".card")
    assert page.is_visible("#line")
    assert not page.is_visible("#on")  # no camera
    assert not page.is_visible("#mark")
    page.wait_for_selector("#stop", state="hidden")
    assert "happy" in page.text_content(".card .says")
    answers = [json.loads(line) for line in saved(page, "#save-json").decode().splitlines()]
    assert len(answers) > 5
    assert {answer["faces"][0]["track_id"] for answer in answers if answer["faces"]} == {1}
    assert [answer["time_s"] for answer in answers] == sorted(answer["time_s"] for answer in answers)
    assert len(server.ask("/v1/sessions").json) == before


def test_a_video_that_cannot_be_played_is_said(visit):
    page = visit()
    page.set_input_files("#file", {"name": "a.webm", "mimeType": "video/webm", "buffer": b"no video"})
    page.wait_for_selector("#message:has-text('cannot be played')")


def test_what_cannot_be_read_is_said_and_the_next_picture_is_fine(visit, server):
    page = visit()
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_selector("#message:visible")
    assert page.text_content("#count") == "That did not work"
    upload(page, faceless())
    page.wait_for_selector("#count:text-is('No face found')")
    assert not page.is_visible("#message")
    upload(page, astronaut())
    page.wait_for_selector(".card")


def test_a_wrong_answer_is_corrected(visit, server):
    page = visit()
    before = len(server.ask("/v1/feedback").json)
    page.click("#sample")
    page.click(".card .wrong")
    assert page.is_disabled("#send")
    page.check("#names input[value=surprise]")
    page.check("#give")
    page.click("#send")
    page.wait_for_selector(".wrong:has-text('Thank you')")
    newest, *rest = server.ask("/v1/feedback").json
    assert (newest["expression"], newest["consent"], len(rest)) == ("surprise", True, before)
    assert "are kept" in page.text_content("#kept")
    page.click("#erase")
    page.wait_for_selector("#kept:has-text('not kept')")
    assert not page.is_visible("#erase")
    assert len(server.ask("/v1/feedback").json) == before


def test_enter_sends_a_correction(visit, server):
    page = visit()
    before = len(server.ask("/v1/feedback").json)
    page.click("#sample")
    page.click(".card .wrong")
    page.focus("#names input[value=fear]")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_selector(".wrong:has-text('Thank you')")
    assert len(server.ask("/v1/feedback").json) == before + 1


def camera(page, record=False):
    page.click("#camera")
    if record:
        page.check("#record")
    page.click("#consent button[value=yes]")
    page.wait_for_selector(".card")


def test_the_camera_runs_with_consent_and_shows_that_it_is_on(visit, server):
    page = visit()
    camera(page)
    assert page.is_visible("#on")
    page.wait_for_selector("#pace:has-text('ms')")
    page.wait_for_timeout(1500)
    page.fill("#words", "second question")
    page.press("#words", "Enter")
    page.click("#mark button")
    page.wait_for_timeout(300)
    assert page.input_value("#words") == ""
    page.click("#stop")
    assert not page.is_visible("#on")
    assert page.evaluate("document.getElementById('video').srcObject?.active ?? false") is False
    assert page.is_visible("#picture")
    page.wait_for_timeout(500)
    newest = server.ask("/v1/sessions").json[0]
    whole = server.ask(f"/v1/sessions/{newest['id']}").json
    assert (newest["title"], whole["records"]) == ("camera", 0)
    assert [mark["text"] for mark in whole["marks"]] == ["second question", "mark"]
    assert sum(m["frames"] for m in whole["moments"]) > 5


def test_what_was_kept_of_the_camera_is_erased_by_one_press(visit, server):
    page = visit()
    camera(page, record=True)
    assert "small pictures are kept" in page.text_content("#on")
    page.wait_for_timeout(2500)
    page.click("#stop")
    page.wait_for_timeout(500)
    newest = server.ask("/v1/sessions").json[0]
    assert server.ask(f"/v1/sessions/{newest['id']}").json["records"] >= 1
    page.click("#erase")
    page.wait_for_selector("#erase", state="hidden")
    assert server.ask(f"/v1/sessions/{newest['id']}").status == 404


def test_what_was_kept_can_be_erased_after_other_pictures_too(visit, server):
    page = visit()
    for _ in range(2):
        camera(page)
        page.wait_for_timeout(1500)
        page.click("#stop")
        page.click("#again")
    page.click("#sample")
    page.wait_for_selector(".card")
    page.wait_for_timeout(500)
    kept = [session["id"] for session in server.ask("/v1/sessions").json[:2]]
    page.click("#erase")
    page.wait_for_selector("#erase", state="hidden")
    assert [server.ask(f"/v1/sessions/{id}").status for id in kept] == [404, 404]


def test_a_camera_that_is_refused_leaves_nothing_of_the_picture_before(visit):
    page = visit(permissions=())
    page.click("#sample")
    page.wait_for_selector(".card")
    page.click("#again")
    page.click("#camera")
    page.click("#consent button[value=yes]")
    page.wait_for_selector("#message:has-text('not allowed')")
    assert page.is_disabled("#save-json")
    assert page.query_selector(".card") is None


def test_consent_names_the_servers_purpose_and_how_long_it_keeps_numbers(chromium, start_server):
    running = start_server("--data", ":memory:", MIEN_SERVE_PURPOSE="research", MIEN_SERVE_RETENTION_HOURS="2")
    page = chromium.new_page()
    page.goto(running.url)
    page.click("#camera")
    page.wait_for_selector("#consent-purpose:visible")
    said = page.text_content("#consent")
    assert "participants consented" in said
    assert "for 2 hours" in said
    page.close()


def test_without_consent_or_permission_there_is_no_camera(visit):
    page = visit()
    page.click("#camera")
    page.click("#consent button[value=no]")
    assert page.is_visible("#start")
    assert not page.is_visible("#on")
    page = visit(permissions=())
    page.click("#camera")
    page.click("#consent button[value=yes]")
    page.wait_for_selector("#message:visible")
    assert "choose a picture" in page.text_content("#message").lower()


def test_it_can_be_used_by_keyboard_alone(visit, tmp_path):
    page = visit()
    photo = tmp_path / "photo.png"
    photo.write_bytes(encoded(astronaut()))

    def reach(wanted):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
                return
        raise AssertionError(f"{wanted} cannot be reached by Tab")

    with page.expect_file_chooser() as waited:
        reach("#file")
        page.keyboard.press("Enter")
    waited.value.set_files(photo)
    page.wait_for_selector(".card")
    reach(".card .wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#correct[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#correct:not([open])", state="attached")
    reach("#again")
    page.keyboard.press("Enter")
    page.wait_for_selector("#start:visible")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_serious_fault_of_accessibility_and_nothing_sticks_out(visit, viewport, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    serious = functools.partial(_serious, axe)
    page = visit(viewport=viewport, color_scheme=scheme)
    assert serious(page) == []
    page.click("#sample")
    page.wait_for_selector(".card")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.click(".card .wrong")
    assert serious(page) == []
    page = visit("/dashboard", viewport=viewport, color_scheme=scheme)
    page.wait_for_timeout(1200)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def _serious(axe, page):
    found = axe.run(page).response["violations"]
    return [(v["id"], [n["html"][:80] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]


def test_the_dashboard_shows_a_camera_that_is_on(visit):
    page, board = visit(), visit("/dashboard")
    camera(page)
    board.wait_for_selector("#live td:has-text('happy')")
    assert board.text_content("#cameras") == "1"


def test_the_dashboard_says_what_the_monitor_says(visit, server):
    """Its alarm is put into what the server sends; a real one: tests/feedback/test_stream_monitor.py."""
    alarm = {"accuracy": 0.314, "alarm": 0.99, "changed": True, "known": 1.0, "why": ["brightness 5.2 deviations below usual"]}

    def through(socket):
        def changed(message):
            event, now = json.loads(message)
            socket.send(json.dumps([event, {**now, "watch": alarm} if event == "stats" else now]))

        socket.connect_to_server().on_message(changed)

    board = visit("/dashboard")
    board.wait_for_selector("#learning:has-text('learning')")
    assert not board.is_visible("#changed")
    board.route_web_socket("**/v1/dashboard*", through)
    board.reload()
    board.wait_for_selector("#changed:visible")
    assert "brightness 5.2 deviations below usual" in board.text_content("#changed-says")
    assert board.text_content("#forecast") == "31%"
    board.click("#usual")
    board.wait_for_selector("#said:has-text('learnt anew')", state="attached")
    assert "mien_changed 0.0" in server.ask("/metrics").body.decode()


def test_the_dashboard_keeps_the_focus_while_its_tables_change(visit):
    page = visit()
    camera(page)
    page.wait_for_timeout(1200)
    page.click("#stop")
    board = visit("/dashboard")
    board.focus("#sessions button")
    board.wait_for_timeout(5500)
    assert board.evaluate("document.activeElement.textContent") == "Show"
    board.keyboard.press("Enter")
    board.wait_for_selector("#one:visible")


def test_nothing_is_fetched_from_elsewhere(visit, server):
    page = visit()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.click("#sample")
    page.wait_for_selector(".card")
    assert asked
    assert [url for url in asked if not url.startswith((server.url, "blob:", "data:", server.url.replace("http", "ws")))] == []


@pytest.fixture
def offline(visit, server):
    """`offline()` -> a page that does the work itself, with the network cut."""
    if server.ask("/v1/browser").status == 404:
        pytest.skip("this build has no ONNX Runtime Web: build it where npm is")

    def opened():
        page = visit()
        page.check("[name=where][value=browser]")
        page.wait_for_selector("#kept:has-text('stay on this device')")
        page.context.set_offline(True)
        return page

    return opened


def test_in_the_browser_answers_are_the_servers_with_the_network_cut(offline, server):
    page = offline()
    for image in (astronaut(), astronaut()[:, ::-1], astronaut()[:300, :400], faceless(200, 300)):
        wanted = server.ask("/v1/predict", encoded(image), content_type="image/png").json
        upload(page, image)
        page.wait_for_selector("#busy", state="hidden")
        got = json.loads(saved(page, "#save-json"))
        assert (got["width"], got["height"], len(got["faces"])) == (wanted["width"], wanted["height"], len(wanted["faces"]))
        for ours, theirs in zip(got["faces"], wanted["faces"], strict=True):
            assert ours["box"] == pytest.approx(theirs["box"], abs=0.1)
            assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-3)
            assert (ours["expression"], ours["unsure"]) == (theirs["expression"], theirs["unsure"])
            assert ours["quality"] == pytest.approx(theirs["quality"], abs=1e-3)


def test_far_from_its_server_the_page_works_in_the_browser_and_with_a_key(chromium_elsewhere, start_server, server, tmp_path):
    if server.ask("/v1/browser").status == 404:
        pytest.skip("this build has no ONNX Runtime Web: build it where npm is")
    token = key(tmp_path, "predict")
    running = start_server("--data", tmp_path, "--purpose", "research", MIEN_SERVE_HOSTS="mien.test")
    page = chromium_elsewhere.new_page()
    page.on("dialog", lambda dialog: dialog.accept(token))
    page.goto(f"http://mien.test:{running.port}")
    page.wait_for_selector("#kept:has-text('stay on this device')")
    assert page.is_checked("[name=where][value=browser]")
    page.click("#sample")
    page.wait_for_selector(".card")
    page.click("#again")
    page.click("#camera")
    page.click("#consent button[value=yes]")  # browsers give no camera to plain http from elsewhere
    page.wait_for_selector("#message:has-text('https')")


def test_far_from_its_server_no_picture_leaves_before_the_browser_is_ready(chromium_elsewhere, start_server, server, tmp_path):
    if server.ask("/v1/browser").status == 404:
        pytest.skip("this build has no ONNX Runtime Web: build it where npm is")
    token = key(tmp_path, "predict")
    running = start_server("--data", tmp_path, "--purpose", "research", MIEN_SERVE_HOSTS="mien.test")
    page, asked = chromium_elsewhere.new_page(), []
    page.on("dialog", lambda dialog: dialog.accept(token))
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/browser/detector*", lambda route: (time.sleep(1.5), route.continue_()))
    page.goto(f"http://mien.test:{running.port}", wait_until="commit")
    page.click("#sample")
    page.wait_for_selector(".card")
    assert not [url for url in asked if "/v1/predict" in url]


def test_without_a_key_the_page_says_what_it_needs(chromium_elsewhere, start_server, tmp_path):
    key(tmp_path, "predict")
    running = start_server("--data", tmp_path, "--purpose", "research", MIEN_SERVE_HOSTS="mien.test")
    page = chromium_elsewhere.new_page()
    asked = []
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://mien.test:{running.port}")
    page.wait_for_selector("#why:has-text('needs a key')")
    page.click("#sample")
    page.wait_for_selector("#message:has-text('needs a key')")
    assert not [url for url in asked if "/v1/predict" in url]


def test_a_page_without_the_runtime_says_so_and_uses_the_server(visit, start_server, tmp_path):
    bare = shutil.copytree(Path(mien.__file__).parent, tmp_path / "mien", ignore=shutil.ignore_patterns("runtime", "__pycache__"))
    running = start_server("--data", ":memory:", PYTHONPATH=str(bare.parent))
    page = visit(address=running.url)
    page.click("[name=where][value=browser]")
    page.wait_for_selector("#why:has-text('without ONNX Runtime Web')")
    assert page.is_checked("[name=where][value=server]")
    page.click("#sample")
    page.wait_for_selector(".card")


def test_in_the_browser_the_camera_runs_with_the_network_cut(offline, server):
    page = offline()
    before = len(server.ask("/v1/sessions").json)
    camera(page)
    page.wait_for_selector("#pace:has-text('ms')")
    assert page.text_content("#on-says") == "Camera on"
    page.wait_for_timeout(1500)
    page.click("#stop")
    assert "happy" in page.text_content(".card .says")
    assert len(server.ask("/v1/sessions").json) == before


def test_faces_are_collected_with_consent_seen_before_they_are_kept_and_say_whose_they_are(visit, server):
    before = len(server.ask("/v1/feedback").json)
    page = visit("/collect")
    page.click("#agree button")  # without a name or consent nothing begins
    assert page.is_visible("#agree")
    page.fill("#subject", "p7")
    page.fill("#each", "2")
    page.check("#consent")
    page.click("#agree button")
    page.wait_for_selector("#sitting:visible")
    assert page.text_content("#show") == "Show: angry"
    page.click("#take")
    page.wait_for_selector("#show:text-is('Show: disgust')")
    assert len(server.ask("/v1/feedback").json) == before  # nothing is kept yet
    page.click("#stop")
    assert page.text_content("#taken") == "2 pictures were taken"
    page.click("#pictures button >> nth=0")
    page.click("#keep")
    page.wait_for_selector("#message:visible")
    assert "kept" in page.text_content("#message")
    (row,) = server.ask("/v1/feedback").json[: -before or None]
    assert (row["expression"], row["subject"], row["consent"]) == ("angry", "p7", True)
    assert row["agreed"].startswith("I agree that small pictures of my face are kept")


def contradicted(server, *names):
    """Corrections of one picture that say different things, which wait for a review whoever gives them; their ids."""
    face = base64.b64encode(encoded(noise(48, 48, seed=len(names)))).decode()
    return [server.ask("/v1/feedback", {"expression": name, "face_png": face}).json["id"] for name in names]


def test_corrections_are_reviewed_one_after_another_by_button_and_by_key(visit, server):
    ids = contradicted(server, "sad", "happy")
    page = visit("/review")
    page.wait_for_selector("#asked:visible")
    assert page.text_content("#left") == "2 wait."
    assert not page.is_visible("#about")  # what others said is not seen before it is asked for
    page.click("summary")
    assert "people said different things" in page.text_content("#about")
    page.click("#names button >> nth=3")
    page.wait_for_selector("#left:text-is('The last one that waits.')")
    page.keyboard.press("z")
    page.wait_for_selector("#left:text-is('2 wait.')")
    page.keyboard.press("4")
    page.wait_for_selector("#left:text-is('The last one that waits.')")
    page.keyboard.press("x")
    page.wait_for_selector("#nothing:visible")
    assert server.ask("/v1/reviews").json == {"waiting": 0, "questions": []}
    for id in ids:
        server.ask(f"/v1/feedback/{id}", method="DELETE")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_reviewing_has_no_serious_fault_of_accessibility(visit, server, viewport):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    ids = contradicted(server, "sad", "happy", "fear")
    page = visit("/review", viewport=viewport)
    page.wait_for_selector("#asked:visible")
    assert _serious(axe, page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for id in ids:
        server.ask(f"/v1/feedback/{id}", method="DELETE")


def test_collecting_has_no_serious_fault_of_accessibility(visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit("/collect", viewport=PHONE)
    assert _serious(axe, page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
