"""Runs a service's Alembic revisions, and tells whether its database is at their head."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from chassis.database import make_engine

ROOT = Path(__file__).resolve().parent.parent


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / package / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(package: str, migrator_url: str, to: str = "head") -> None:
    """Bring the database of `package` (such as order_svc) up to a revision, the newest by default, as the migrator role."""
    _run(package, migrator_url, lambda config: command.upgrade(config, to))


def downgrade(package: str, migrator_url: str, to: str = "base") -> None:
    """Take revisions back down to one that stays, by default every one."""
    _run(package, migrator_url, lambda config: command.downgrade(config, to))


def _run(package: str, migrator_url: str, work: object) -> None:
    engine = make_engine(migrator_url, name=f"{package}-migrate", pool_size=2)
    config = _config(package)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            work(config)  # type: ignore[operator]  # one of the two lambdas above
    finally:
        engine.dispose()


def is_at_head(package: str, engine: sa.Engine) -> bool:
    """Whether the database is exactly at the revision this build knows as the newest."""
    head = ScriptDirectory.from_config(_config(package)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
