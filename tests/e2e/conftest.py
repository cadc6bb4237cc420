"""One neighbourhood for all tests: started when the first test asks for it, with every module's tables
in the databases before the connectors begin.

A module says what it needs in POSTGRES, MARIADB, TOLD or AVRO: statements that are executed before the
connectors are registered, so that their rows are in the snapshot.
"""
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipeline"))

import harness  # noqa: E402
import neighbours  # noqa: E402
import scene as scenes  # noqa: E402


def pytest_configure():
    """A test run that is ended with SIGTERM ends its servers too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def statements(session, name):
    modules = {item.module.__name__: item.module for item in session.items}
    return [getattr(module, name) for _, module in sorted(modules.items()) if hasattr(module, name)]


@pytest.fixture(scope="session")
def neighbourhood(request):
    started = neighbours.Neighbourhood()
    try:
        try:
            started.up()
        except neighbours.CannotFetch as error:
            pytest.skip(f"the neighbourhood cannot be fetched: {error}")
        for database, name in zip(started.databases, ("POSTGRES", "MARIADB", "TOLD", "AVRO")):
            database.create()
            for text in statements(request.session, name):
                database.sql(text)
        started.register()
        yield started
    finally:
        started.down()


@pytest.fixture
def scene(neighbourhood, tmp_path, request):
    """A store and bridges of one test's own."""
    workbench = harness.Workbench(tmp_path)
    request.node.workbench = workbench
    yield scenes.Scene(workbench, neighbourhood)
    workbench.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    workbench = getattr(item, "workbench", None)
    if report.failed and workbench:
        for program in workbench.programs:
            report.sections.append((program.name, program.report()))
