"""In-browser mode in headless Chromium: frames a second, and milliseconds from a frame to its answer.

Playwright and Chromium are needed (its path in CHROMIUM, or on PATH).

python benchmarks/browser.py --photos A.jpg B.jpg
"""

import argparse
import base64
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from results import write
from serving import frames, server

PLAY = """async ([pictures, seconds]) => {
  const { browser } = await import("/web/browser.js");
  await browser.open();
  const bytes = (data) => Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const bitmaps = await Promise.all(pictures.map((data) => createImageBitmap(new Blob([bytes(data)]))));
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmaps[0].width, height: bitmaps[0].height });
  const took = [];
  let faces = 0;
  const live = browser.live({ hello: () => {}, end: (text) => took.push(text), result: (answer) => {
    took.push(answer.latency_ms);
    faces = answer.faces.length;
  } });
  const end = performance.now() + 1e3 * seconds;
  for (let i = 0; performance.now() < end; i++) {
    canvas.getContext("2d").drawImage(bitmaps[i % bitmaps.length], 0, 0);
    await live.frame(canvas);
  }
  live.close();
  return { took, faces };
}"""


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--photos", type=Path, nargs="+", required=True)
    ask.add_argument("--seconds", type=float, default=20.0)
    asked = ask.parse_args()
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    rows = []
    with server() as (_, url, _), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for photo in asked.photos:
            page = chromium.new_page()
            page.goto(url)
            film = [base64.b64encode(jpeg).decode() for jpeg in frames(photo)]
            seen = page.evaluate(PLAY, [film, asked.seconds])
            took = sorted(seen["took"])
            rows.append(
                {"faces": seen["faces"], "frames_per_second": round(len(took) / asked.seconds, 1),
                 "ms": round(took[len(took) // 2], 1)}
            )  # fmt: skip
            page.close()
        version = chromium.version
        chromium.close()
    write("browser", {"chromium": version, "films": rows})


if __name__ == "__main__":
    main()
