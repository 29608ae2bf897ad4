"""The pages in a real browser: nothing from the network, no complaint, all by keyboard, everything with a name."""

import re
from itertools import product
from pathlib import Path

import pytest

from assay.page import files
from assay.records import Step
from assay.workbench import Workbench
from tests.assay.page.page_story import newest
from tests.browser import Browser, browser

__all__ = ["browser"]
pytestmark = pytest.mark.timeout(300)
_CSS = (Path(files.__file__).parent / "static" / "page.css").read_text()
_FOCUSABLE = "a[href], button, input, select, summary, [tabindex='0']"
_NAMED_ROLES = {"link", "button", "textbox", "searchbox", "combobox", "spinbutton", "application", "region",
                "navigation", "form", "table", "img", "toolbar", "complementary"}  # fmt: skip


def test_every_page_is_quiet_named_and_reached_by_tab(address: str, browser: Browser, bench: Workbench) -> None:
    pages = (
        "/",
        "/model/two",
        "/lineage?ref=model/two:1",
        f"/statement/{newest(bench, Step.GATE).seq}",
        "/search?q=two",
    )
    for page in pages:
        browser.go(address + page)
        host = address.removesuffix("/assay")
        assert all(url.startswith(host) for url in browser.asked), browser.asked
        assert not browser.problems
        unnamed = [node for node in browser.named() if node["role"] in _NAMED_ROLES and not node["name"]]
        assert not unnamed, (page, unnamed)
        assert tab_through(browser) == visible(browser), page


def visible(browser: Browser) -> int:
    return int(browser.run(f"[...document.querySelectorAll({_FOCUSABLE!r})].filter(e => e.checkVisibility()).length"))


def tab_through(browser: Browser) -> int:
    """How many different elements the Tab key reaches, each with a mark that it has the focus."""
    browser.run("document.body.focus(); window.met = new Set(); window.unmarked = 0; 0")
    look = (
        "(() => { const e = document.activeElement; if (e === document.body || met.has(e)) return false; met.add(e);"
        " const s = getComputedStyle(e); if (s.outlineStyle === 'none' || s.outlineWidth === '0px') unmarked++;"
        " return true; })()"
    )
    for _ in range(400):
        browser.press("Tab")
        if not browser.run(look):
            break
    assert browser.run("unmarked") == 0
    return int(browser.run("met.size"))


def test_the_graph_is_walked_and_opened_by_keyboard_alone(address: str, browser: Browser) -> None:
    browser.go(address + "/lineage?ref=model/two:1")
    browser.wait_for("!!window.assayGraph")
    browser.run("document.getElementById('graph').focus()")
    chosen = "assayGraph.nodes('.chosen').first().data('stage')"
    assert browser.run(chosen) == "model"
    said = browser.run("document.getElementById('graph-said').textContent")
    assert said.startswith("model two ")
    for key, stage in (("ArrowRight", "deployment"), ("ArrowRight", "window"), ("ArrowLeft", "deployment")):
        browser.press(key)
        assert browser.run(chosen) == stage
    browser.press("Enter")
    browser.wait_for("document.activeElement.id === 'panel'")
    panel = browser.run("document.getElementById('panel').innerText")
    assert "rollback of two" in panel
    assert "✓ passed" in panel
    before = browser.run("assayGraph.zoom()")
    browser.run("document.getElementById('graph').focus()")
    browser.press("+")
    assert browser.run("assayGraph.zoom()") > before


def test_the_graph_shows_and_opens_what_the_mouse_points_at(address: str, browser: Browser) -> None:
    browser.go(address + "/lineage?ref=model/two:1")
    browser.wait_for("!!window.assayGraph")
    stages = set(browser.run("assayGraph.nodes().map(n => n.data('stage'))"))
    assert {"raw", "admitted", "train", "candidate", "model", "deployment", "window"} <= stages
    x, y = browser.run(
        "(() => { const n = assayGraph.nodes('[stage=\"candidate\"]').first().renderedPosition();"
        " const b = document.getElementById('graph').getBoundingClientRect(); return [b.x + n.x, b.y + n.y]; })()"
    )
    browser.click(x, y)
    browser.wait_for("document.getElementById('panel-body').innerText.includes('train of two')")
    order = "(s) => assayGraph.nodes(`[stage=\"${s}\"]`).first().position('x')"
    assert browser.run(f"['raw', 'admitted', 'train', 'candidate', 'model', 'deployment', 'window'].map({order})"
                       ".every((x, at, all) => !at || x > all[at - 1])")  # fmt: skip
    assert not browser.problems


def test_nothing_is_cut_off_on_a_telephone_and_in_the_dark(address: str, browser: Browser) -> None:
    browser.size(420, 900)
    browser.dark()
    try:
        for page in ("/", "/model/two", "/lineage?ref=model/two:1", "/statement/3"):
            browser.go(address + page)
            assert browser.run("document.documentElement.scrollWidth") <= 420, page
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(19, 23, 27)"
    finally:
        browser.size(1600, 1000)
        browser.dark(is_dark=False)


def test_in_airflows_frame_it_takes_airflows_colours_and_leads_out_of_it(address: str, browser: Browser) -> None:
    host = address.removesuffix("/assay")
    browser.go(f"{host}/frame")
    inside = "document.querySelector('iframe').contentDocument"
    browser.wait_for(f"{inside}?.documentElement.dataset.theme === 'dark'")
    assert browser.run(f"getComputedStyle({inside}.body).backgroundColor") == "rgb(19, 23, 27)"
    out = f"{inside}.querySelector('a[target=_top]')"
    wanted = browser.run(f"{out}.href")
    assert wanted == f"{host}/dags/two.train"
    browser.run(f"{out}.click()")
    browser.wait_for(f"location.href === {wanted!r}")


def test_every_text_colour_stands_out_from_what_it_stands_on() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1; 1.4.11 for the edges of fields and nodes: 3 to 1."""
    pairs = dict(re.findall(r"--([\w-]+): light-dark\(([^)]*)\)", _CSS))
    colours = {name: tuple(each.strip() for each in pair.split(",")) for name, pair in pairs.items()}
    assert len(colours) >= 15
    texts = set(colours) - {"paper", "card", "line", "edge", "on-accent"}
    for text, ground, mode in product(texts, ("paper", "card"), (0, 1)):
        assert contrast(colours[text][mode], colours[ground][mode]) >= 4.5, (text, ground, mode)
    for mode in (0, 1):
        assert contrast(colours["on-accent"][mode], colours["accent"][mode]) >= 4.5
        assert contrast(colours["edge"][mode], colours["paper"][mode]) >= 3


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
