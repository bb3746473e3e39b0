"""Documentation pages, all offline: the OpenAPI document, Swagger UI, ReDoc, and a page for each problem code."""

from __future__ import annotations

from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from chassis.contracts import error_options
from chassis.rest.problem import Problem, Refused, reasons

OPENAPI = Path(__file__).parents[1] / "gen" / "openapi" / "atlas.v1.json"
TITLE = "Atlas ERP"
_STATIC = "/static-docs"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}code{{font-size:.95em}}
:root{{color-scheme:light dark}}</style></head><body>{body}</body></html>"""


def add_docs(app: FastAPI) -> None:
    """Add the API's documentation pages."""
    app.mount(_STATIC, StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static"))
    app.router.routes += [
        Route("/openapi.json", _openapi),
        Route("/docs", _swagger),
        Route("/redoc", _redoc),
    ]


def add_problem_pages(app: FastAPI) -> None:
    """Add the pages that the `type` of a problem document leads to."""
    app.router.routes += [
        Route("/docs/problems", _problem_index),
        Route("/docs/problems/{code}", _problem_page),
    ]


async def _openapi(_: Request) -> Response:
    return FileResponse(OPENAPI, media_type="application/json")


async def _swagger(_: Request) -> Response:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{TITLE} - Swagger UI",
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{_STATIC}/favicon.png",
    )


async def _redoc(_: Request) -> Response:
    return get_redoc_html(
        openapi_url="/openapi.json",
        title=f"{TITLE} - ReDoc",
        redoc_js_url=f"{_STATIC}/redoc.standalone.js",
        redoc_favicon_url=f"{_STATIC}/favicon.png",
        with_google_fonts=False,
    )


async def _problem_index(_: Request) -> Response:
    rows = (
        f'<li><a href="/docs/problems/{reason}"><code>{reason}</code></a> ({error_options(reason).http_status}): '
        f"{escape(error_options(reason).title)}</li>"
        for reason in reasons()
    )
    return HTMLResponse(_PAGE.format(title="Problems", body=f"<h1>Problems</h1><ul>{''.join(rows)}</ul>"))


async def _problem_page(request: Request) -> Response:
    reason = request.path_params["code"]
    if reason not in reasons():
        raise Refused(Problem("NOT_FOUND", "There is no such problem code; /docs/problems lists them all."))
    options = error_options(reason)
    again = "may succeed later without a change" if options.retryable else "will fail again unless something changes"
    body = (
        f"<h1><code>{reason}</code></h1><p>{escape(options.title)}.</p><dl><dt>HTTP status</dt>"
        f"<dd>{options.http_status}</dd><dt>What to do</dt><dd>{escape(options.remedy)}</dd>"
        f"<dt>The same request</dt><dd>{again}.</dd></dl><p><a href='/docs/problems'>All problems</a></p>"
    )
    return HTMLResponse(_PAGE.format(title=reason, body=body))
