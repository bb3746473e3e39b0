"""The admin port: liveness asks nothing, readiness runs the named checks, stopping is unready, metrics are served."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from chassis.health import AdminServer, Readiness


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def admin(readiness: Readiness) -> Iterator[httpx2.Client]:
    server = AdminServer(readiness, port=0)
    server.start()
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client
    server.close()


def test_ready_when_every_check_holds(admin: httpx2.Client, readiness: Readiness) -> None:
    readiness.add("database", lambda: True)
    response = admin.get("/readyz")
    assert response.status_code == 200
    body = response.json()
    assert body["ready"] is True
    (check,) = body["checks"]
    assert (check["name"], check["ok"]) == ("database", True)
    assert check["ms"] >= 0


def test_a_failing_check_is_named_and_unready_while_the_process_lives(admin: httpx2.Client, readiness: Readiness) -> None:
    readiness.add("database", lambda: True)
    readiness.add("kafka", lambda: False)
    response = admin.get("/readyz")
    assert response.status_code == 503
    assert [(c["name"], c["ok"]) for c in response.json()["checks"]] == [("database", True), ("kafka", False)]
    assert admin.get("/livez").status_code == 200


def test_a_check_that_raises_has_failed_and_its_text_stays_inside(admin: httpx2.Client, readiness: Readiness) -> None:
    def broken() -> bool:
        raise ConnectionError("postgresql://app:hunter2@127.0.0.1/order_svc")

    readiness.add("database", broken)
    response = admin.get("/readyz")
    assert (response.status_code, response.json()["checks"][0]["ok"]) == (503, False)
    assert "hunter2" not in response.text


def test_readiness_is_asked_anew_each_time(admin: httpx2.Client, readiness: Readiness) -> None:
    answers = iter([False, True])
    readiness.add("kafka", lambda: next(answers))
    assert [admin.get("/readyz").status_code for _ in range(2)] == [503, 200]


def test_information_is_shown_and_does_not_count(admin: httpx2.Client, readiness: Readiness) -> None:
    readiness.inform("redis", lambda: False)
    response = admin.get("/readyz")
    assert response.status_code == 200
    assert response.json()["information"][0] | {"ms": 0} == {"name": "redis", "ok": False, "ms": 0}


def test_a_stopping_process_is_unready_and_alive(admin: httpx2.Client, readiness: Readiness) -> None:
    readiness.add("database", lambda: True)
    readiness.set_stopping()
    response = admin.get("/readyz")
    assert (response.status_code, response.json()["ready"], response.json()["stopping"]) == (503, False, True)
    assert admin.get("/livez").status_code == 200


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_metrics_are_served_in_the_format_asked_for(admin: httpx2.Client, accept: str) -> None:
    response = admin.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(accept.partition(";")[0])
    assert "atlas_outbox_pending_messages" in response.text


def test_other_paths_are_not_found_and_the_server_says_nothing_about_itself(admin: httpx2.Client) -> None:
    response = admin.get("/etc/passwd")
    assert response.status_code == 404
    assert "Python" not in response.headers["server"]


def test_closing_frees_the_port(readiness: Readiness) -> None:
    server = AdminServer(readiness, port=0)
    server.start()
    server.close()
    again = AdminServer(readiness, port=server.port)
    again.start()
    assert urlsplit(str(httpx2.get(f"http://127.0.0.1:{again.port}/livez").url)).port == server.port
    again.close()
