"""A person with a browser, as far as login and consent need one: cookies, redirects, and forms filled in."""

from __future__ import annotations

import http.cookiejar
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import httpx2

SECONDS = 30.0


class _Form(HTMLParser):
    """The first form of a page: where it goes, and what its hidden fields hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form and its inputs."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag == "input" and given.get("type") == "hidden" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without history; it closes with the block. To it, 127.0.0.1 is as good as https."""
    policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
    with httpx2.Client(trust_env=False, timeout=SECONDS, cookies=http.cookiejar.CookieJar(policy)) as client:
        yield Browser(client)


class Browser:
    """Opens pages and sends forms, and keeps what cookies it is given."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def open(self, url: str, until: str = "") -> httpx2.Response:
        """Go to a page and follow redirects, but not to an address that starts with `until`."""
        return self._follow(self.client.get(url), until)

    def submit(self, page: httpx2.Response, fields: dict[str, str], until: str = "") -> httpx2.Response:
        """Fill in the form of this page and send it."""
        form = _Form(page.text)
        assert form.action is not None, f"no form at {page.url}"
        return self._follow(self.client.post(page.url.join(form.action), data=form.fields | fields), until)

    def _follow(self, answer: httpx2.Response, until: str) -> httpx2.Response:
        while answer.next_request is not None and not (until and str(answer.next_request.url).startswith(until)):
            answer = self.client.send(answer.next_request)
        return answer
