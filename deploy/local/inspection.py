"""Looks at a running stack from outside: asks every component again, in its own protocol."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from deploy.local.component import Component
from deploy.local.home import Home
from deploy.local.plan import make_plan
from deploy.local.ports import Ports
from deploy.local.site import PARTS, Site
from deploy.local.state import ComponentState, StackState

PATIENCE_SECONDS = 3.0


def inspect(home: Home, state: StackState) -> list[ComponentState]:
    """The rows of the state with their health as it is now."""
    providers = {part: state.components[part].provider for part in PARTS if part in state.components}
    site = Site(home, Ports(state.port_base), home.passwords(()), state.external, providers=providers)
    steps = make_plan(site, state.components)
    return asyncio.run(_ask([step for step in steps if isinstance(step, Component)], state))


async def _ask(components: list[Component], state: StackState) -> list[ComponentState]:
    return await asyncio.gather(*(_examined(component, state.components[component.name]) for component in components))


async def _examined(component: Component, row: ComponentState) -> ComponentState:
    """The row with health ready when the probe answers; else why not."""
    if row.health != "ready":
        return row
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await component.probe()
    except Exception as error:
        return replace(row, health=f"no answer ({type(error).__name__})")
    return row
