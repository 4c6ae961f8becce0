"""Pages in a real browser: headless Chromium, by selenium. Tests are skipped with the reason where there is none."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 20
PHONE, DESK = 360, 1280


class Browser:
    """A page in Chromium, and what it has said."""

    def __init__(self, driver: Any, pages: dict[str, Path]) -> None:
        self.driver = driver
        self.pages = pages

    def open(self, name: str, width: int = DESK, scheme: str = "light") -> "Browser":
        self._emulate(width, scheme)
        self.js("try { localStorage.clear() } catch {}")
        self.driver.get(self.pages[name].as_uri())
        return self.drawn()

    def drawn(self) -> "Browser":
        self.until("return document.documentElement.dataset.charts === 'drawn'")
        return self

    def until(self, script: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.js(script):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
        )
        return found

    def click(self, selector: str) -> None:
        self.js("document.querySelector(arguments[0]).click()", selector)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "DEBUG"]

    def requests(self) -> list[str]:
        """Return the addresses asked for since the last look."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def _emulate(self, width: int, scheme: str) -> None:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def started(pages: dict[str, Path]) -> Iterator[Browser]:
    """Yield one browser for all of these pages, and end it."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("no chromium and chromedriver here (Debian: apt install chromium chromium-driver fonts-noto-cjk)")
    driver = webdriver.Chrome(options=_options(webdriver, chromium), service=_service(chromedriver))
    yield Browser(driver, pages)
    driver.quit()


def _options(webdriver: Any, chromium: str) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def _service(chromedriver: str) -> Any:
    from selenium.webdriver.chrome.service import Service

    return Service(chromedriver)
