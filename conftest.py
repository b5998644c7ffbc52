"""What all tests share: nobody's own progress is touched, marks for what `make check` leaves out, and no skip in CI."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ["TRANSFORMERS_COURSE_PROGRESS"] = str(
    Path(tempfile.mkdtemp()) / "progress.json"
)  # kernels started by nbval inherit it

SLOW = ("test_browser", "test_benchmarks", "test_setup")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(str(item.fspath)).stem in SLOW:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("COURSE_NO_SKIP"):
        terminalreporter.write_line(f"{len(skipped)} tests were skipped, and in CI a skip is a failure:")
        for report in skipped:
            terminalreporter.write_line(f"  {report.nodeid}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("COURSE_NO_SKIP") and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
