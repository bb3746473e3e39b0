"""Documentation pages, all offline: the OpenAPI document, Swagger UI, ReDoc, and a page for each problem code."""

from __future__ import annotations

import functools
import re
from html import escape
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from chassis.rest.problem import Problem, Refused, reasons

ROOT = Path(__file__).parents[1]
OPENAPI = ROOT / "gen" / "openapi" / "atlas.v1.json"
PROBLEMS = ROOT / "docs" / "problems"
TITLE = "Atlas ERP"
_STATIC = "/static-docs"
_PROBLEMS = "/docs/problems"
_LINK = re.compile(r'href="(\w+)\.md"')
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}code{{font-size:.95em}}
pre{{overflow-x:auto;padding:.5rem 1rem;border-left:3px solid}}td,th{{padding:.15rem .8rem .15rem 0;text-align:left}}
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
        Route(_PROBLEMS, _problem_index),
        Route(f"{_PROBLEMS}/{{code}}", _problem_page),
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
    return HTMLResponse(_page("Problems", PROBLEMS / "README.md"))


async def _problem_page(request: Request) -> Response:
    reason = request.path_params["code"]
    if reason not in reasons():
        raise Refused(Problem("NOT_FOUND", "There is no such problem code; /docs/problems lists them all."))
    return HTMLResponse(_page(reason, PROBLEMS / f"{reason}.md"))


@functools.cache
def _page(title: str, path: Path) -> str:
    """Write a page of the repository as HTML; its links lead to the pages served here."""
    from markdown_it import MarkdownIt  # 60 ms that a gateway need not spend to start

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = markdown.render(path.read_text("utf-8"))
    linked = _LINK.sub(lambda match: f'href="{_PROBLEMS}{"" if match[1] == "README" else f"/{match[1]}"}"', body)
    return _PAGE.format(title=escape(title), body=linked)
