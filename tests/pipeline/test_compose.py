"""compose/: what can be said of it without a container engine."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from connect_server import Connect
from harness import BUILD, CHECKOUT

yaml = pytest.importorskip("yaml", reason="needs python3-yaml")
COMPOSE = CHECKOUT / "compose"
FILE = COMPOSE / "docker-compose.yml"
PROFILES = ("postgres", "mysql")
OURS = re.compile(r"source-|bridge-")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(FILE.read_text())["services"]


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_takes_the_file(profile):
    tool = shutil.which("docker-compose")
    if not tool:
        pytest.skip("docker-compose is not installed")
    done = subprocess.run([tool, "-f", FILE, "--profile", profile, "config"], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, "DATABASE_PASSWORD": "other"})
    assert done.returncode == 0, done.stderr
    assert f"bridge-{profile}:" in done.stdout and "other" in done.stdout


def images():
    """Every image that is pulled: of services that are not built, and behind each FROM."""
    for service in yaml.safe_load(FILE.read_text())["services"].values():
        if "build" not in service:
            yield service["image"]
    for path in COMPOSE.glob("*.Dockerfile"):
        yield from re.findall(r"(?m)^FROM (\S+)", path.read_text())


def test_every_tag_is_pinned():
    found = list(images())
    assert len(found) >= 8
    for image in found:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)*(-[a-z0-9-]+)?", image), image


def test_who_is_waited_for_can_be_seen_to_be_ready(services):
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wanted["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"], other
            else:
                assert wanted["condition"] == "service_completed_successfully"
                # Who must end is not started again when it has ended well.
                assert services[other]["restart"] == "on-failure"
            # A profile's service waits for nothing that the profile does not start.
            assert set(services[other].get("profiles", PROFILES)) >= \
                set(service.get("profiles", []))


def test_ours_have_no_rights_that_they_do_not_need(services):
    ours = [service for name, service in services.items() if OURS.match(name)]
    assert len(ours) == 2 * len(PROFILES)
    for service in ours:
        assert service["user"].split(":")[0] not in ("0", "root")
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert all(mount.endswith(":ro") for mount in service["volumes"])
    assert "USER 10001" in (COMPOSE / "rowstream.Dockerfile").read_text()


def test_ports_are_this_machine_s_only(services):
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_files_that_are_mounted_or_built_are_there(services):
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE / source).is_file(), source
        if "build" in service:
            assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_versions_are_those_of_the_neighbourhood(services):
    pins = (CHECKOUT / "scripts" / "neighbourhood" / "kafka.sha256").read_text()
    version = re.search(r"connect-runtime-([\d.]+)\.jar", pins).group(1)
    assert services["kafka"]["image"] == f"apache/kafka:{version}"
    assert f"FROM apache/kafka:{version}" in (COMPOSE / "connect.Dockerfile").read_text()


def test_the_image_has_the_program_s_libraries():
    if "bookworm" not in pathlib.Path("/etc/os-release").read_text():
        pytest.skip("the image is Debian 12; its packages have other names here")
    if not shutil.which("dpkg-query") or not shutil.which("readelf"):
        pytest.skip("needs dpkg-query and readelf")
    if re.search("-fsanitize", (BUILD / "config.log").read_text()):
        pytest.skip("this build needs the sanitizers' libraries")
    needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(
        ["readelf", "-d", BUILD / "rowstream"], text=True, capture_output=True,
        check=True).stdout)
    owners = subprocess.run(["dpkg-query", "--search", *needed], text=True, capture_output=True,
                            check=True).stdout
    packages = {re.search(rf"(?m)^([^:\s]+):\S+ /\S*/{re.escape(library)}$", owners).group(1)
                for library in needed} - {"libc6"}
    image = (COMPOSE / "rowstream.Dockerfile").read_text().split("FROM ")[2]
    assert packages <= set(re.findall(r"(?m)^ +(\S+) \\$", image))
    assert len(packages) > 5


@pytest.mark.parametrize("profile", PROFILES)
def test_the_configuration_is_one_that_the_programs_take(bench, services, profile):
    connect = Connect()
    try:
        # As compose puts it in: ${NAME:-default}.
        environment = {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for name, value in
                       services[f"bridge-{profile}"]["environment"].items()}
        environment["ROWSTREAM_CONNECT_URL"] = connect.url
        shown = bench.rowstream("config", "print", "-c", COMPOSE / f"{profile}.yaml",
                                env=environment)
        assert shown.returncode == 0, shown.stderr
        assert "bootstrap.servers: 'kafka:9092'" in shown.stdout
        assert "database.password: '***'" in shown.stdout
        if profile == "mysql":  # the recorded worker has no such plugin
            environment["ROWSTREAM_CONNECTOR_CONNECTOR_CLASS"] = \
                "io.debezium.connector.mariadb.MariaDbConnector"
        done = bench.rowstream("source", "check", "-c", COMPOSE / f"{profile}.yaml",
                               env=environment)
        assert done.returncode == 0, done.stdout
        # Its topics are those that the bridge reads.
        sent = next(body for _, path, body in connect.requests if path.endswith("/validate"))
        topics = yaml.safe_load((COMPOSE / f"{profile}.yaml").read_text())["source"]["topics"]
        assert re.match(topics[0], f"{sent['topic.prefix']}."
                                   f"{'public' if profile == 'postgres' else 'warehouse'}.orders")
    finally:
        connect.close()
