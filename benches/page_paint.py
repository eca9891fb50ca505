"""How soon the page of a server is there, and how smoothly its map moves, in Chromium.

    python3 benches/page_paint.py http://127.0.0.1:7411 [--width 1280 --height 900] [--picture map.png]

Opens each view in a browser of its own with nothing kept from before, three times, and prints medians in milliseconds: the first
contentful paint, and when the view has what it is for (papers, topics, the drawn map). Then it zooms the map in and out, up to four times, and moves it for five seconds and
prints how far frames were apart (16.7 is every one of 60 a second). `map_bytes_sent` is the map as it is sent, packed. It has to be laid out before: this asks for it once, and waits. Needs Chromium; its frames are drawn without a
graphics card.
"""

import argparse
import base64
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


class Page:
    """One page of a browser of its own, by its debugging pipe."""

    def __init__(self, url, width, height):
        program = next(filter(None, map(shutil.which, NAMES)))
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.write = os.pipe()
        self.read, from_browser = os.pipe()
        switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        # The browser's ends of the pipes are to be at 3 and 4.
        shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser} >/dev/null 2>&1'
        command = ["bash", "-c", shell, program, *switches, f"--user-data-dir={self.profile.name}", "about:blank"]
        self.child = subprocess.Popen(command, pass_fds=(to_browser, from_browser))
        os.close(to_browser)
        os.close(from_browser)
        self.calls, self.session, self.rest = 0, None, b""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Page.navigate", url=url)

    def call(self, method, **parameters):
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                part = os.read(self.read, 1 << 20)
                assert part, "the browser ended"
                self.rest += part
            answer, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(answer)
            if answer.get("id") == self.calls:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, expression):
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait(self, expression):
        """When, by the page's clock, an expression was found true."""
        watch = f"""new Promise((done) => {{ const look = () => ({expression}) ? done(performance.now()) : setTimeout(look, 5); look(); }})"""
        return self.value(watch)

    def close(self):
        self.child.kill()
        self.child.wait()
        os.close(self.write)
        os.close(self.read)
        self.profile.cleanup()


PAINT = """new Promise((done) => new PerformanceObserver((list) => { const paint = list.getEntriesByName('first-contentful-paint')[0];
  if (paint) done(paint.startTime); }).observe({ type: 'paint', buffered: true }))"""

VIEWS = {
    "search": ("#/", "document.querySelectorAll('.card').length > 5"),
    "topics": ("#/topics", "document.querySelectorAll('.topic-card').length > 1"),
    "map": ("#/map", "document.querySelector('canvas')?.getAttribute('aria-description')"),
}

MOVE = """new Promise((done) => {
  const canvas = document.querySelector('canvas'), frames = [];
  const end = performance.now() + 5000;
  let last = null, n = 0;
  const step = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    if (now > end) { done(frames); return; }
    n += 1;
    canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: n % 120 < 60 ? -16 : 16, clientX: 500 + 100 * Math.sin(n / 20), clientY: 400, bubbles: true, cancelable: true }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--picture", help="a file to keep the map in as a PNG")
    asked = parser.parse_args()
    begun = time.monotonic()
    request = urllib.request.Request(asked.base + "/api/map", headers={"Accept-Encoding": "gzip"})
    while True:
        with urllib.request.urlopen(request, timeout=600) as answer:
            body, status = answer.read(), answer.status
        if status == 200:
            break
        time.sleep(1)
    result = {"laid_out_s": round(time.monotonic() - begun, 1), "map_bytes_sent": len(body)}
    for view, (address, ready) in VIEWS.items():
        paints, there = [], []
        for _ in range(asked.repeat):
            page = Page(f"{asked.base}/{address}", asked.width, asked.height)
            there.append(page.wait(ready))
            paints.append(page.value(PAINT))
            page.close()
        result[view] = {"first_paint_ms": round(statistics.median(paints)), "there_ms": round(statistics.median(there))}
    page = Page(f"{asked.base}/#/map", asked.width, asked.height)
    page.wait(VIEWS["map"][1])
    if asked.picture:
        shot = page.call("Page.captureScreenshot", format="png")
        with open(asked.picture, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
    frames = sorted(page.value(MOVE))
    result["frames"] = {
        "n": len(frames),
        "median_ms": round(frames[len(frames) // 2], 1),
        "p95_ms": round(frames[int(0.95 * len(frames))], 1),
        "max_ms": round(frames[-1], 1),
    }
    page.close()
    print(json.dumps(result, indent=2))


main()
