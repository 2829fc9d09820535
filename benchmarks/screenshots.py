"""Pictures of the page and the dashboard for docs/server.md, with a portrait and a camera that shows it.

Playwright and Chromium are needed.  python benchmarks/screenshots.py
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PORTRAIT = IMAGES / "portrait.jpg"
DESKTOP, PHONE = {"width": 1200, "height": 760}, {"width": 390, "height": 760}


def film() -> bytes:
    """The portrait moved from side to side, as motion JPEG."""
    picture, out = Image.open(PORTRAIT).convert("RGB"), io.BytesIO()
    width, height = (side // 16 * 16 for side in picture.size)
    for step in range(12):
        moved = Image.new("RGB", (width, height))
        moved.paste(picture, (4 * abs(6 - step) - 12, 0))
        moved.save(out, "JPEG", quality=90)
    return out.getvalue()


def take(browser, url: str) -> None:
    def opened(path: str = "/", viewport: dict = DESKTOP, **more):
        page = browser.new_context(viewport=viewport, permissions=["camera"], **more).new_page()
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        return page

    def kept(page, name: str) -> None:
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / f"page-{name}.png")
        small = Image.open(IMAGES / f"page-{name}.png").convert("P", palette=Image.Palette.ADAPTIVE)
        small.save(IMAGES / f"page-{name}.png", optimize=True)

    kept(opened(), "start")
    answer = opened(viewport=PHONE, color_scheme="dark")
    answer.click("#sample")
    answer.wait_for_selector(".card")
    kept(answer, "phone")
    camera = opened()
    camera.click("#camera")
    camera.click("#consent button[value=yes]")
    camera.wait_for_selector(".card")
    board = opened("/dashboard")
    board.wait_for_timeout(6000)
    camera.fill("#words", "second question")
    camera.press("#words", "Enter")
    camera.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    board.wait_for_timeout(3000)
    kept(camera, "camera")
    kept(board, "dashboard")


def main() -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--data", ":memory:"]
    with tempfile.TemporaryDirectory() as work, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        video = Path(work, "camera.mjpeg")
        video.write_bytes(film())
        flags = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={video}", "--no-sandbox"]
        try:
            url = re.search(r"http://\S+", server.stdout.readline())[0]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=flags)
                take(browser, url)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
