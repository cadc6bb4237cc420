"""Fixtures of the tests of whole programs, and their output beside a failure."""
import signal

import pytest

import harness


def pytest_configure():
    """What a shell starts with & ignores SIGINT, and so would every program of the tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def bench(tmp_path, request):
    """Starts programs; ends them after the test."""
    workbench = harness.Workbench(tmp_path)
    request.node.workbench = workbench
    yield workbench
    workbench.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    workbench = getattr(item, "workbench", None)
    if report.failed and workbench:
        for program in workbench.programs:
            report.sections.append((program.name, program.report()))
