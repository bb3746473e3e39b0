"""A small client of /v1: a token for each user, an Idempotency-Key for each command, problem documents as exceptions.

A call that failed in passing (gateway or service away, key still in progress) is repeated with the same key for a while.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

from cli import connection
from cli.connection import DEFAULT_HOME, StackAddresses
from cli.exits import CommandFailed, ExitCode
from cli.token import fetch_token

Json = dict[str, Any]
PAGE_SIZE = 200
CALL_SECONDS = 15.0
PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.1
TOKEN_SECONDS = 60.0
PASSING_STATUS = frozenset({429, 503, 504})
PASSING_CODE = "IDEMPOTENCY_KEY_IN_PROGRESS"


class CliProblem(CommandFailed):
    """The API refused a call; `code` is the ErrorReason without prefix."""

    def __init__(self, status: int, document: Json) -> None:
        self.status = status
        self.document = document
        self.problem_code = str(document.get("code", f"HTTP {status}"))
        self.detail = str(document.get("detail", ""))
        self.hint = str(document.get("hint", "")) or "ATLAS_DEBUG=1 shows where it comes from"
        places = [f"{error['pointer'] or 'the body'}: {error['detail']}" for error in document.get("errors", ())]
        super().__init__("; ".join([f"{self.problem_code}: {self.detail}", *places]), self.hint)

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed in a moment."""
        return self.status in PASSING_STATUS or self.problem_code == PASSING_CODE


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered."""

    status: int
    body: Any
    headers: httpx2.Headers

    @property
    def is_replay(self) -> bool:
        """Whether an earlier call with the same key had the effect."""
        return self.headers.get("idempotent-replayed") == "true"


class RestClient:
    """Calls the gateway of one stack; may be used by several threads. Waits up to `patience` seconds for what is away.

    A command leaves it open until its process ends; everyone else uses it as a context manager.
    """

    def __init__(self, addresses: StackAddresses, patience: float = PATIENCE_SECONDS) -> None:
        self.addresses = addresses
        self.patience = patience
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
        self._http = httpx2.Client(base_url=addresses.base_url, timeout=CALL_SECONDS, trust_env=False, limits=limits)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def as_user(self, name: str) -> Caller:
        """Call as this development user."""
        return Caller(self, name)

    def token(self, user: str) -> str:
        """A token that is good for some minutes."""
        with self._lock:
            text, fetched = self._tokens.get(user, ("", 0.0))
            if not text or time.monotonic() - fetched > TOKEN_SECONDS:
                text = fetch_token(self.addresses.token_url, user=user)
                self._tokens[user] = text, time.monotonic()
            return text

    def send(self, method: str, path: str, user: str, **request: Any) -> Reply:
        """Make one call, repeated while it fails in passing. Raises CliProblem, or CommandFailed when nobody answers."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return self._once(method, path, user, request)
            except CommandFailed as failure:
                passing = failure.is_passing if isinstance(failure, CliProblem) else failure.code is ExitCode.UNREACHABLE
                if not passing or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _once(self, method: str, path: str, user: str, request: Json) -> Reply:
        headers = {"Authorization": f"Bearer {self.token(user)}", **request.get("headers", {})}
        try:
            response = self._http.request(method, path, **{**request, "headers": headers})
        except httpx2.TransportError as error:
            what = f"the gateway at {self.addresses.base_url} does not answer"
            raise CommandFailed(what, "see what runs: atlas status", ExitCode.UNREACHABLE) from error
        if response.is_success:
            return Reply(response.status_code, _body(response), response.headers)
        raise CliProblem(response.status_code, _document(response))


@dataclass(frozen=True, slots=True)
class Caller:
    """One user's view of the API."""

    client: RestClient
    user: str

    def get(self, path: str, **query: Any) -> Any:
        """Read one resource."""
        return self.client.send("GET", path, self.user, params=query).body

    def find(self, path: str) -> Any | None:
        """Read one resource; None when there is none for this user."""
        try:
            return self.get(path)
        except CliProblem as problem:
            if problem.status == 404:
                return None
            raise

    def post(self, path: str, body: Json | None = None, key: str | None = None, **headers: str) -> Any:
        """Send a command under this key, or a new one."""
        return self.command(path, body, key, **headers).body

    def patch(self, path: str, body: Json, key: str | None = None, **headers: str) -> Any:
        """Change what the body names, under this key, or a new one."""
        return self._keyed("PATCH", path, body, key, headers).body

    def command(self, path: str, body: Json | None = None, key: str | None = None, **headers: str) -> Reply:
        """Send a command; the whole reply."""
        return self._keyed("POST", path, body or {}, key, headers)

    def _keyed(self, method: str, path: str, body: Json, key: str | None, headers: dict[str, str]) -> Reply:
        sent = {"Idempotency-Key": key or str(uuid.uuid4())} | {name.replace("_", "-"): text for name, text in headers.items()}
        return self.client.send(method, path, self.user, json=body, headers=sent)

    def first(self, path: str, plural: str, limit: int, **asked: Any) -> list[Json]:
        """The first so many that a list has, of those that fit what is asked for; None or empty asks for nothing."""
        query = {name: value for name, value in asked.items() if value}
        found: list[Json] = self.get(path, page_size=limit, **query).get(plural, [])
        return found

    def pages(self, path: str, plural: str, **query: Any) -> Iterator[Json]:
        """Everything a list has, page after page."""
        query = {"page_size": PAGE_SIZE} | query
        while True:
            page = self.get(path, **query)
            yield from page.get(plural, ())
            if not (token := page.get("next_page_token")):
                return
            query["page_token"] = token


def connect(home: Path = DEFAULT_HOME, patience: float = PATIENCE_SECONDS) -> RestClient:
    """The client of the stack that runs in `home`; CommandFailed with UNREACHABLE when none does."""
    return RestClient(connection.load(home), patience)


def _body(response: httpx2.Response) -> Any:
    """What JSON says, None where there is nothing, and anything else, such as a PDF, as bytes."""
    if not response.content:
        return None
    media_type = response.headers.get("content-type", "application/json").partition(";")[0]
    return response.json() if media_type == "application/json" else response.content


def _document(response: httpx2.Response) -> Json:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
