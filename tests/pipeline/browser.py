"""A headless Chromium for the tests of pages, driven over WebDriver."""
import contextlib
import os
import shutil
import tempfile

import pytest

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en"]


def required():
    """Without a browser its tests are skipped, but not where a complete run is asked for."""
    return os.environ.get("ROWSTREAM_BROWSER") == "required"


def missing():
    """What has to be installed, or None."""
    programs = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    packages = {"chromium": "chromium", "chromedriver": "chromium-driver"}
    absent = [packages[name] for name in programs] + ([] if webdriver else ["python3-selenium"])
    return "apt-get install " + " ".join(absent) if absent else None


needed = pytest.mark.skipif(bool(missing()) and not required(), reason=f"no browser: {missing()}")


@contextlib.contextmanager
def browser(width=1200, height=800, dark=False):
    """A browser with a profile of its own that is thrown away."""
    assert not missing(), missing()
    with tempfile.TemporaryDirectory(prefix="browser-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in [*ARGUMENTS, f"--user-data-dir={profile}",
                         f"--window-size={width},{height}"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        try:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
                {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                {"name": "prefers-reduced-motion", "value": "reduce"}]})
            yield driver
        finally:
            driver.quit()
