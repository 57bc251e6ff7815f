"""Pages of reports in Chromium without a window: layout and contrast."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest
from homework import wrong

from nn_conformance.oracles import load
from nn_conformance.replay.task import Task, replay
from nn_conformance.report import page, replay_page
from nn_conformance.run import judge
from nn_reference.systems import get

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Frames of the page's own origin can be measured: how wide the content is, and which text has too little contrast.
# Ratios as WCAG 2.1 defines them, which asks for 4.5, or 3 of large text.
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="result"></pre>
<script>
const results = [];
function linear(c) { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }
function numbers(text) { return text.match(/[\\d.]+/g).map(Number); }
function luminance([r, g, b]) { return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b); }
function measure(frame) {
  const inside = frame.contentDocument, view = frame.contentWindow, poor = [];
  inside.querySelectorAll("details").forEach((element) => (element.open = true));
  let texts = 0;
  for (const element of inside.body.querySelectorAll("*")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
    if (!text || !element.getClientRects().length || element.closest("style")) continue;
    const style = view.getComputedStyle(element);
    const ink = numbers(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    let below = element;
    while (below && /rgba\\(.*, 0\\)|transparent/.test(view.getComputedStyle(below).backgroundColor)) below = below.parentElement;
    const paper = below ? numbers(view.getComputedStyle(below).backgroundColor) : [255, 255, 255];
    const [low, high] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize), bold = parseInt(style.fontWeight) >= 700;
    const ratio = (high + 0.05) / (low + 0.05), large = size >= 24 || (bold && size >= 18.66);
    texts += 1;
    if (ratio < (large ? 3 : 4.5)) poor.push([text.slice(0, 40), ratio, style.color]);
  }
  const root = inside.documentElement;
  const unreachable = [...inside.querySelectorAll(".scroll")].filter((element) => element.tabIndex !== 0).length;
  results.push({
    frame: frame.title, texts, poor, unreachable, dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    width: root.clientWidth, scroll: root.scrollWidth,
  });
  document.getElementById("result").textContent = JSON.stringify(results);
}
</script>
"""


@pytest.fixture(scope="module")
def pages():
    """Of a wrong implementation beside an oracle, of oracles alone, and of a replay."""
    oracles = [load("reference"), load("plain")]
    return {
        "wrong": page.html(judge(wrong, "homework", oracles=oracles), "mine.py:" + "a_long_name" * 20),
        "oracles": page.html(judge(None, ["homework", "mnist-sigmoid-numpy"], oracles=oracles)),
        "replay": replay_page.html(
            get("mnist-tanh"), "numpy", "float64", [replay(Task("mnist-tanh/documented", epochs=1, dtype="float64"))]
        ),
    }


@pytest.fixture
def measured(tmp_path):
    """Each page in frames of these widths: what is measured of each frame, from one run of the browser."""

    def measure(pages, widths, *, dark=False):
        frames = [
            f'<iframe title="{name} {width}" style="border:0;width:{width}px;height:900px" onload="measure(this)" '
            f'srcdoc="{escape(page)}"></iframe>'
            for name, page in pages.items()
            for width in widths
        ]
        path = tmp_path / "page.html"
        path.write_text(HARNESS + "\n".join(frames), "utf-8")
        done = subprocess.run(  # noqa: S603 - the browser
            [
                shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
                "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--window-size=1400,1000",
                "--virtual-time-budget=5000", "--dump-dom", path.as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        results = json.loads(unescape(re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
        assert len(results) == len(frames)
        return results

    return measure


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_and_can_be_read(measured, pages, dark):
    """No horizontal scroll, and every text has the contrast of WCAG's level AA, in both themes; what scrolls can be focused."""
    for result in measured(pages, (375, 1280), dark=dark):
        assert result["dark"] == dark
        assert result["texts"] > 30
        assert result["width"] <= int(result["frame"].split()[-1])
        assert result["scroll"] == result["width"], result["frame"]
        assert result["poor"] == []
        assert result["unreachable"] == 0


def test_poor_contrast_and_a_wide_page_are_seen(measured):
    """Grey on white, and a box that is wider than the page, are caught by the same means."""
    text = "<!DOCTYPE html><body><p style='color:#999;width:900px'>too pale</p></body>"
    (result,) = measured({"pale": text}, (375,))

    assert [text for text, *_ in result["poor"]] == ["too pale"]
    assert result["scroll"] > result["width"]
