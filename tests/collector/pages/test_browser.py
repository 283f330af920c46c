"""The pages in a real browser: they load whole, fit, can be read and used by everyone."""

from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page

from tests.collector.conftest import Send
from tests.collector.otlp import new_trace_id
from tests.collector.pages.rag import rag_spans
from tests.collector.pages.test_pages import PAGES

HERE = Path(__file__).parent
pytestmark = pytest.mark.usefixtures("traced")

# What someone who cannot see the page, or not well, runs into; each finding is one line.
_FINDINGS = (HERE / "findings.js").read_text()

# Text against the nearest opaque background, by WCAG 2's formula; 4.5, or 3 for large text.
_FAINT_TEXT = (HERE / "faint_text.js").read_text()

_OVERFLOW = (HERE / "overflow.js").read_text()


def addresses(site: str, trace_id: str) -> list[str]:
    """Every page, wrong questions and unknown traces too."""
    extra = [
        f"/traces/{trace_id}",
        "/?where=encodr%20%3D%201",
        "/?where=encoder%20%3D%20'none'",
        "/traces/none",
        "/compare?by=name&base=answer&candidate=none&cohort=metadata.doc_family&metrics=error_rate,churn@5",
        "/datasets/golden",
        "/datasets/none",
        "/encoders/minilm%402",
        "/encoders/minilm%402?by=colour",
    ]
    return [site + path for path in [*PAGES, *extra]]


async def opened(browser: Browser, *, width: int = 1280, scheme: str = "light") -> Page:
    """An empty page of a browser that runs scripts, so that a blocked one is reported."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    return await context.new_page()


async def test_every_page_loads_without_a_complaint_of_the_browser(
    browser: Browser, site: str, traced: str
) -> None:
    page = await opened(browser)
    complaints: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))

    for address in addresses(site, traced):
        await page.goto(address)

    # The browser itself reports a page whose status is an error.
    assert [text for text in complaints if "status of 40" not in text] == []
    assert all(url.startswith(site) for url in requested)


@pytest.mark.parametrize(
    "width", [360, 1280, *(pytest.param(width, marks=pytest.mark.verify) for width in (768, 2560))]
)
async def test_no_page_is_wider_than_the_window(browser: Browser, site: str, traced: str, width: int) -> None:
    page = await opened(browser, width=width)

    for address in addresses(site, traced):
        await page.goto(address)
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await page.evaluate(_OVERFLOW) == [], address


async def test_long_words_do_not_widen_a_phone_s_page(
    browser: Browser, site: str, client: httpx.AsyncClient, send: Send
) -> None:
    trace_id, word = new_trace_id(), "x" * 3_000
    spans = rag_spans(trace_id, encoder=word, name=word)
    spans[0]["attributes"] |= {
        "input.value": word,
        "output.value": word,
        "metadata": f'{{"{word}": "{word}"}}',
    }
    spans[2]["attributes"]["retrieval.documents.0.document.id"] = word
    await send(spans)
    score = {"trace_id": trace_id, "name": word[:100], "label": word[:100], "explanation": word}
    assert (await client.post("/api/v1/scores", json={"scores": [score]})).json()["accepted"] == 1
    page = await opened(browser, width=360)

    for address in addresses(site, trace_id):
        await page.goto(address)
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await page.evaluate(_OVERFLOW) == [], address


async def test_every_page_can_be_read_by_a_machine(browser: Browser, site: str, traced: str) -> None:
    page = await opened(browser)

    for address in addresses(site, traced):
        await page.goto(address)
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await page.evaluate(_FINDINGS) == [], address


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_background(
    browser: Browser, site: str, traced: str, scheme: str
) -> None:
    page = await opened(browser, scheme=scheme)

    for address in addresses(site, traced):
        await page.goto(address)
        await page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert await page.evaluate(_FAINT_TEXT) == [], address


async def test_query_documents_answer_and_scores_are_on_one_screen(
    browser: Browser, site: str, traced: str
) -> None:
    page = await opened(browser)
    await page.goto(f"{site}/traces/{traced}")

    for selector in (".question", ".documents tbody tr:last-child", ".answer mark", ".score:last-of-type"):
        box = await page.locator(selector).bounding_box()
        assert box is not None, selector
        assert box["y"] + box["height"] <= 900, selector


async def test_the_filter_is_used_by_keyboard_alone(browser: Browser, site: str, traced: str) -> None:
    page = await opened(browser)
    await page.goto(site)

    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.innerText") == "Skip to content"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "where"
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.type("score.groundedness < 0.5")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?where=*")

    assert await page.locator("a.query").get_attribute("href") == f"/traces/{traced}"


async def test_a_span_unfolds_without_scripts(browser: Browser, site: str, traced: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{site}/traces/{traced}")
    attribute = page.get_by_text("llm.token_count.prompt")
    assert not await attribute.is_visible()

    await page.locator(".spans summary", has_text="chat").click()

    assert await attribute.is_visible()
