"""The onboarding page in a real browser, against the real programs and a real Celery worker."""

import json
from urllib.parse import urlsplit

import pytest

from harness import wait_until

COMPANY = 73
NAMES = {
    "Creando procesos tributarios",
    "Sincronizando documentos SII",
    "Sincronizando historial completo de documentos",
    "Sincronizando formularios históricos",
}

# What a person sees of the page: texts of visible elements only, and each bar as it is announced.
SEEN = """
    const visible = (element) => element && element.offsetParent !== null;
    const text = (root, selector) => {
        const element = root.querySelector(selector);
        return visible(element) ? element.innerText.trim() : "";
    };
    const task = (item) => ({
        name: text(item, ".name"), state: text(item, ".state"), text: text(item, ".text"), error: text(item, ".error"),
        bar: [...item.querySelectorAll("[role=progressbar]")].map((bar) => ({
            label: bar.getAttribute("aria-label"), now: bar.getAttribute("aria-valuenow"),
            said: bar.getAttribute("aria-valuetext"), width: bar.firstElementChild.style.width}))[0] || null,
    });
    return {
        title: document.title, company: text(document, "#company"), summary: text(document, "#summary"),
        trouble: text(document, "#trouble"), finished: text(document, "#finished"),
        active: [...document.querySelectorAll("#active > li")].filter(visible).map(task),
        recent: [...document.querySelectorAll("#recent > li")].filter(visible).map(task),
    };
"""


class Page:
    """The onboarding page of one company, opened with a token in the fragment."""

    def __init__(self, browser, url, token, company=COMPANY):
        self.browser = browser
        # Two addresses that differ in the fragment alone would not load anew.
        browser.get("about:blank")
        browser.get(f"{url}/onboarding/{company}#token={token}")

    def seen(self):
        return self.browser.execute_script(SEEN)

    def wait_for(self, predicate, timeout=20, what="what the page shows"):
        """The first thing seen that the predicate takes."""
        last = {}

        def look():
            last["seen"] = self.seen()
            return predicate(last["seen"]) and last["seen"]

        try:
            return wait_until(look, timeout, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\nthe page: {json.dumps(last['seen'], ensure_ascii=False)}") from None

    def give_token(self, token):
        self.browser.execute_script("location.hash = 'token=' + arguments[0]", token)


@pytest.fixture
def served(site):
    """The site with a company, the daemon and the HTTP module, whose process is served.server."""
    site.config["tasks"].append({"match": "faults.*", "company": {"kwarg": "company_id"}})
    site.cli("company", "add", COMPANY, "Example Company")
    site.token = site.cli("token", "create", "--user", "demo", "--company", COMPANY).stdout.strip()
    site.start_daemon()
    site.server = site.start_http()
    return site


def test_bars_of_the_four_tasks_move_until_all_is_done(served, browser):
    served.start_worker(concurrency=4, DEMO_SPEED="2")
    served.onboard(COMPANY)
    page = Page(browser, served.server.url, served.token)
    values = {name: set() for name in NAMES}

    def done(seen):
        for task in seen["active"]:
            values[task["name"]].add(int(task["bar"]["now"]))
        return seen["finished"]

    seen = page.wait_for(done, 60, "the onboarding's end")
    assert seen["company"] == "Example Company"
    assert seen["finished"] == "Todo listo: la puesta en marcha terminó."
    assert seen["summary"] == "4 de 4 tareas terminadas"
    assert {task["name"] for task in seen["recent"]} == NAMES
    assert [task["state"] for task in seen["recent"]] == ["Completada"] * 4
    assert seen["active"] == []
    assert all(len(seen_values) >= 2 for seen_values in values.values()), values


def test_progress_is_announced_as_it_is_drawn(served, browser):
    served.start_worker()
    served.python("-c", "from demo.faults import progress_text as t; t.delay('Mes 3', 42, 60, company_id=73)")
    page = Page(browser, served.server.url, served.token)
    seen = page.wait_for(lambda seen: seen["active"] and seen["active"][0]["bar"]["now"] == "42", what="the bar at 42")
    task = seen["active"][0]
    assert task["state"] == "En curso"
    assert task["text"] == "Mes 3"
    assert task["bar"] == {"label": "progress_text", "now": "42", "said": "42 %, Mes 3", "width": "42%"}
    assert browser.execute_script("return document.documentElement.lang") == "es"


def test_markup_in_a_task_is_shown_as_text(served, browser):
    markup = "<img src=x onerror=\"document.title='owned'\"><b>negrita</b>"
    served.start_worker()
    code = f"from demo import faults; faults.progress_text.delay({markup!r}, 10, 60, company_id=73)"
    served.python("-c", code)
    page = Page(browser, served.server.url, served.token)
    seen = page.wait_for(lambda seen: seen["active"] and seen["active"][0]["text"], what="the progress text")
    assert seen["active"][0]["text"] == markup
    assert browser.execute_script("return document.querySelectorAll('main img, main b').length") == 0
    assert "owned" not in seen["title"]


def test_failed_task_is_explained_in_plain_words(served, browser):
    served.start_worker()
    served.python("-c", "from demo import faults; faults.fail_after_progress.delay(40, company_id=73)")
    page = Page(browser, served.server.url, served.token)
    seen = page.wait_for(lambda seen: seen["recent"], what="the failed task")
    assert seen["recent"][0]["state"] == "Fallida"
    assert seen["recent"][0]["error"] == "No se pudo completar esta tarea."
    assert seen["finished"] == "Todo terminó, pero 1 tarea falló."


def test_wrong_token_is_told_and_the_right_one_helps_at_once(served, browser):
    page = Page(browser, served.server.url, "wrong")
    seen = page.wait_for(lambda seen: seen["trouble"], what="the complaint")
    assert seen["trouble"].startswith("La credencial no es válida o ya venció.")
    assert seen["active"] == seen["recent"] == []
    page.give_token(served.token)
    seen = page.wait_for(lambda seen: not seen["trouble"], what="no complaint")
    assert seen["company"] == "Example Company"
    assert seen["summary"] == "Todavía no hay tareas para esta empresa."


def test_missing_token_and_unknown_company_are_told(served, browser):
    page = Page(browser, served.server.url, "")
    seen = page.wait_for(lambda seen: seen["trouble"], what="the complaint")
    assert seen["trouble"].startswith("Falta la credencial en la dirección.")
    page = Page(browser, served.server.url, served.token, company=74)
    seen = page.wait_for(lambda seen: seen["trouble"], what="the complaint")
    assert seen["trouble"] == "Esta empresa no existe o no tienes acceso a ella."


def test_what_was_shown_goes_when_the_token_is_taken_away(served, browser):
    served.start_worker()
    served.python("-c", "from demo import faults; faults.progress_text.delay('secreto', 10, 60, company_id=73)")
    page = Page(browser, served.server.url, served.token)
    page.wait_for(lambda seen: seen["active"], what="the task")
    page.give_token("wrong")
    seen = page.wait_for(lambda seen: seen["trouble"], what="the complaint")
    assert seen["active"] == []
    assert "Example Company" not in browser.page_source
    assert "secreto" not in browser.execute_script("return document.querySelector('main').innerText")


def test_server_that_goes_away_is_told_and_its_return_is_noticed(served, browser):
    page = Page(browser, served.server.url, served.token)
    page.wait_for(lambda seen: seen["company"] == "Example Company", what="the company")
    served.server.terminate()
    seen = page.wait_for(lambda seen: seen["trouble"], what="the complaint")
    assert seen["trouble"] == "No se pudo hablar con el servidor. Se volverá a intentar en un momento."
    assert seen["company"] == "Example Company"
    served.start_http(TASKBRIDGE_HTTP_LISTEN=urlsplit(served.server.url).netloc)
    page.wait_for(lambda seen: not seen["trouble"], 40, "no complaint")


def test_page_asks_nobody_else_and_never_puts_the_token_in_an_address(served, browser):
    page = Page(browser, served.server.url, served.token)
    page.wait_for(lambda seen: seen["company"] == "Example Company", what="the company")
    code = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    asked = set(browser.execute_script(code))
    assert asked == {f"{served.server.url}/api/v1/companies/73/task_status/"}
    assert served.token not in served.server.output()
    assert [entry["message"] for entry in browser.get_log("browser")] == []
