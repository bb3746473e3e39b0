"""The two distributions of a real stack: their pinned versions, and where an unpacked one is found."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.site import ROOT

POM = Path(__file__).parent / "pom.xml"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One of them. `name` is its profile in the pom; `mark` is a pattern for a file that an unpacked one has."""

    name: str
    title: str
    variable: str
    mark: str

    @property
    def version(self) -> str:
        """The version that the pom pins."""
        found = re.search(rf"<{self.name}\.version>([^<]+)<", POM.read_text())
        if found is None:
            raise StackError(f"{POM} names no version of {self.title}", "get a complete copy of this repository")
        return found[1]

    @property
    def folder(self) -> Path:
        """Where it is when it has been fetched."""
        return dist_folder() / f"{self.name}-{self.version}"

    def find(self) -> Path:
        """The unpacked distribution: what its variable names, else what has been fetched; StackError when there is none."""
        if given := os.environ.get(self.variable):
            return self._checked(Path(given).expanduser().resolve())
        if not self.folder.is_dir():
            remedy = f"fetch it: atlas fetch-real, or set {self.variable} to an unpacked release"
            raise StackError(f"{self.title} {self.version} is not there", remedy)
        return self.folder

    def _checked(self, folder: Path) -> Path:
        """Refuse a folder that is something else."""
        if not any(folder.glob(self.mark)):
            what = f"{self.variable} names {folder}, which is no unpacked {self.title} (it has no {self.mark})"
            raise StackError(what, f"set {self.variable} to the folder of an unpacked release, or unset it")
        return folder


KAFKA = Distribution("kafka", "Apache Kafka", "KAFKA_HOME", "libs/kafka_2.13-*.jar")
KEYCLOAK = Distribution("keycloak", "Keycloak", "KEYCLOAK_HOME", "bin/kc.sh")
DISTRIBUTIONS = {KAFKA.name: KAFKA, KEYCLOAK.name: KEYCLOAK}


def dist_folder() -> Path:
    """Where fetched distributions lie: in this repository, for all stacks, or where ATLAS_DIST says."""
    return Path(os.environ.get("ATLAS_DIST") or ROOT / ".atlas" / "dist")


def find_kafka() -> Path:
    """The folder whose libs/ holds Kafka's jars."""
    return KAFKA.find()


def find_keycloak() -> Path:
    """The folder whose bin/ holds kc.sh."""
    return KEYCLOAK.find()


def kafka_version(folder: Path) -> str:
    """The release of an unpacked Kafka, read from the name of its jar."""
    (jar, *_) = sorted(folder.glob(KAFKA.mark))
    return jar.stem.partition("-")[2]
