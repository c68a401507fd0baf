"""A headless Chromium, told by its own protocol what to do: no package is needed."""

import fcntl
import itertools
import json
import os
import shutil
import signal
from contextlib import contextmanager

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
"""Its path, or None."""


class Page:
    """A page that is open.

    Parameters
    ----------
    to, back : file
        Pipes to the browser, and back.
    """

    def __init__(self, to, back):
        self._to, self._back = to, back
        self._numbers, self._session = itertools.count(1), None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call(
            "Target.attachToTarget", targetId=target, flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Call a method of the protocol, and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            found = self._read()
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]
            self.events.append(found)

    def _read(self):
        text = bytearray()
        while (char := self._back.read(1)) != b"\0":
            assert char, "the browser has ended"
            text += char
        return json.loads(text)

    def _wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._read())

    def open(self, path, width, dark=False, height=900):
        """Open a file in a window of a width."""
        self.events.clear()
        self.paint(dark)
        self.resize(width, height)
        self.call("Page.navigate", url=path.as_uri())
        self._wait("Page.loadEventFired")

    def paint(self, dark):
        """Ask pages for their dark or their light colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def resize(self, width, height=900):
        """Make the window another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def run(self, script):
        """Evaluate JavaScript, and return its value once it is there."""
        found = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key):
        """Press a key."""
        code = {"ArrowRight": 39, "ArrowLeft": 37, "Tab": 9, "Enter": 13}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    def complaints(self):
        """What the console says is wrong, and what was loaded beside the page."""
        wrong = {"Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed"}
        found = [event for event in self.events if event.get("method") in wrong]
        for event in self.events:
            if event.get("method") == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:")):
                    found.append(url)
        return found


@contextmanager
def browser(folder):
    """Start Chromium with a profile of its own; yields a `Page`."""
    # numbers beyond those that the browser reads and writes by
    ours = [_beyond(fd) for pipe in (os.pipe(), os.pipe()) for fd in pipe]
    its_in, to, back, its_out = ours
    arguments = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        f"--user-data-dir={folder}",
        "--remote-debugging-pipe",
    ]
    nowhere = os.open(os.devnull, os.O_RDWR)
    process = os.posix_spawn(
        CHROMIUM,
        arguments,
        os.environ,
        file_actions=[
            *((os.POSIX_SPAWN_DUP2, nowhere, fd) for fd in (1, 2)),
            (os.POSIX_SPAWN_DUP2, its_in, 3),
            (os.POSIX_SPAWN_DUP2, its_out, 4),
        ],
    )
    for fd in (nowhere, its_in, its_out):
        os.close(fd)
    try:
        with open(to, "wb") as to, open(back, "rb") as back:
            yield Page(to, back)
    finally:
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)


def _beyond(fd):
    found = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return found
