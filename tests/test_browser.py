"""Browsers with the refresh token in a cookie: what a real one does, with pages of all sorts.

The service stands behind https://shop.test. On the same site, but other origins, are app.shop.test,
which is in FRONTEND_ORIGINS, and blog.shop.test, which is not; evil.test is another site. Whatever
page it is, the browser is the same one, with its user logged in to the service.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.conftest import Render, find_browser
from tests.sites import Seen, Sites, sites

pytestmark = pytest.mark.browser

COOKIE: Final = "__Host-my-service-refresh"
PASSWORD: Final = "correct horse battery staple"
AUTH: Final = "/api/v1/auth"

CHANGED: Final = re.compile(
    "net::ERR_NETWORK_CHANGED"
    # Its page of the error loads anew by itself, and may do so just when we try again.
    "|interrupted by another .* chrome-error:"
    "|Not attached to an active page"
)
PATIENCE: Final = 30
"""Seconds in which networks are expected to come to rest."""

T = TypeVar("T")

_numbers = count(1)


@dataclass(frozen=True)
class World:
    """The service, in development, and the sites around it."""

    port: int
    """The service's own port, without a proxy."""
    encrypted: Sites
    plain: Sites

    @property
    def shop(self) -> str:
        return self.encrypted.origin("shop.test")

    @property
    def front_end(self) -> str:
        return self.encrypted.origin("app.shop.test")

    def attacker(self, name: str) -> str:
        """The origin of the attacker's page."""
        return {
            "sibling": self.encrypted.origin("blog.shop.test"),
            "other site": self.encrypted.origin("evil.test"),
            "plain HTTP": self.plain.origin("shop.test"),
        }[name]


@pytest.fixture(scope="module")
def world(render: Render, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    service = render({"auth_transport": "cookie"})
    printed = tmp_path_factory.mktemp("service") / "printed"
    with (
        printed.open("wb") as output,
        sites(encrypted=True) as encrypted,
        sites(encrypted=False) as plain,
    ):
        port = free_port()
        environment = os.environ | {"FRONTEND_ORIGINS": encrypted.origin("app.shop.test")}
        running = subprocess.Popen(
            [tools / "python", "-m", "app", "dev", "--port", str(port)],
            cwd=service,
            env=environment,
            stdout=output,  # a pipe that nobody reads would fill, and stop the service
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for(running, f"http://127.0.0.1:{port}/health", printed)
            script = page_script(service)
            encrypted.service = plain.service = port
            encrypted.script = script
            yield World(port, encrypted, plain)
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(running: "subprocess.Popen[bytes]", url: str, printed: Path) -> None:
    """Wait until the service is healthy."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.poll() is None:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    running.kill()
    raise AssertionError(f"the service did not start:\n{printed.read_text()}")


def page_script(service: Path) -> bytes:
    """The script of the service's README, which works on any of the sites."""
    found = re.search(r"```js\n(.*?)```", (service / "README.md").read_text(), re.DOTALL)
    assert found
    host = 'location.origin.replace("app.", "")'
    return found[1].replace('AUTH = "/api', f'AUTH = {host} + "/api', 1).encode()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--host-resolver-rules=MAP *.test 127.0.0.1"],
        )
        yield browser
        browser.close()


class Profile:
    """A browser's cookies and pages, apart from all others'."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._interrupted = False
        context.on("requestfailed", self._note)

    def open(self, url: str) -> Page:
        return self.do(lambda: self._open(url))

    def _open(self, url: str) -> Page:
        page = self._context.new_page()
        page.goto(url)
        return page

    def reload(self, page: Page) -> None:
        self.do(page.reload)

    def run(self, page: Page, script: str, argument: object = None) -> Any:
        """What a script in a page comes to."""
        return self.do(lambda: page.evaluate(script, argument))

    def do(self, action: Callable[[], T]) -> T:
        """Do it, and do it again where Chromium gives up because the machine's networks change.

        They do whenever a container starts or stops.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._interrupted = False
            try:
                result = action()
            except PlaywrightError as error:
                if not (self._interrupted or CHANGED.search(error.message)):
                    raise
                continue
            if not self._interrupted:
                return result
        raise AssertionError("the machine's networks change all the time")

    def _note(self, request: Request) -> None:
        self._interrupted |= bool(CHANGED.search(request.failure or ""))

    def cookies(self) -> list[dict[str, Any]]:
        return [dict(cookie) for cookie in self._context.cookies()]

    def token(self) -> str:
        """The refresh token: what the one cookie holds."""
        (cookie,) = self.cookies()
        value: str = cookie["value"]
        return value


@pytest.fixture
def profile(browser: Browser) -> Iterator[Profile]:
    """A browser that has been nowhere yet."""
    with browser.new_context(ignore_https_errors=True) as context:
        yield Profile(context)


@pytest.fixture
def email(world: World) -> str:
    """That of a user with an account."""
    return register(world)


def register(world: World) -> str:
    email = f"user{next(_numbers)}@example.com"
    account = {"email": email, "name": "Ada", "password": PASSWORD}
    registered = httpx.post(f"http://127.0.0.1:{world.port}{AUTH}/register", json=account)
    assert registered.status_code == 201
    return email


def log_in(profile: Profile, page: Page, email: str) -> bool:
    """Log in with the README's script."""
    script = "async (account) => (await import('/session.js')).logIn(...account)"
    done: bool = profile.run(page, script, [email, PASSWORD])
    return done


def me(profile: Profile, page: Page, origin: str = "") -> Any:
    """Who is logged in, by the README's script; or the code of the problem."""
    script = """async (url) => {
      const response = await (await import("/session.js")).call(url);
      return response.json();
    }"""
    answer = profile.run(page, script, f"{origin}/api/v1/users/me")
    return answer.get("email") or answer.get("code")


REFRESH: Final = (
    f"() => fetch('{AUTH}/refresh', {{ method: 'POST' }}).then(({{ status }}) => status)"
)
"""The status of a refresh without more ado."""


class TestOwnPage:
    def test_stays_logged_in_and_its_scripts_never_see_the_token(
        self, world: World, profile: Profile, email: str
    ) -> None:
        bodies: list[str] = []
        page = profile.open(world.shop)
        page.on("response", lambda response: bodies.append(text(response)))

        assert log_in(profile, page, email)
        tokens = {profile.token()}
        assert me(profile, page) == email
        for _ in range(2):
            profile.reload(page)
            assert me(profile, page) == email
            tokens.add(profile.token())

        assert len(tokens) == 3
        assert page.evaluate("document.cookie") == ""
        assert sum("access_token" in body for body in bodies) >= 3
        for body in bodies:
            assert "refresh_token" not in body
            assert not any(token in body for token in tokens)

    @pytest.mark.parametrize("headers", ["{}", '{ "Origin": "", "Sec-Fetch-Site": "" }'])
    def test_cannot_pass_for_an_app_to_get_the_token(
        self, world: World, profile: Profile, email: str, headers: str
    ) -> None:
        page = profile.open(world.shop)
        log_in(profile, page, email)

        answer = profile.run(
            page,
            f"""() => fetch("{AUTH}/refresh", {{
                 method: "POST", headers: {headers}, referrerPolicy: "no-referrer",
               }}).then((response) => response.json())""",
        )

        assert answer.keys() == {"access_token", "token_type", "expires_in"}

    def test_has_the_cookie_kept_as_it_is_meant(
        self, world: World, profile: Profile, email: str
    ) -> None:
        log_in(profile, profile.open(world.shop), email)

        (cookie,) = profile.cookies()

        assert cookie["name"] == COOKIE
        assert cookie["domain"] == "shop.test"  # with a dot before it, subdomains would have it too
        assert cookie["path"] == "/"
        assert cookie["secure"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["expires"] == pytest.approx(time.time() + 14 * 24 * 3600, abs=60)

    def test_refreshes_in_two_tabs_at_once(
        self, world: World, profile: Profile, email: str
    ) -> None:
        tabs = [profile.open(world.shop) for _ in range(2)]
        log_in(profile, tabs[0], email)
        spent = profile.token()

        def refresh_in_both() -> list[int]:
            for tab in tabs:
                tab.evaluate(f"() => {{ window.refreshed = ({REFRESH})(); }}")
            return [tab.evaluate("() => window.refreshed") for tab in tabs]

        assert profile.do(refresh_in_both) == [200, 200]
        assert profile.token() != spent
        assert [profile.run(tab, REFRESH) for tab in tabs] == [200, 200]

    def test_logs_out(self, world: World, profile: Profile, email: str) -> None:
        page = profile.open(world.shop)
        log_in(profile, page, email)

        profile.run(page, "async () => (await import('/session.js')).logOut()")

        assert profile.cookies() == []
        assert me(profile, page) == "missing_token"

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_works_in_development_without_https(
        self, world: World, profile: Profile, email: str, host: str
    ) -> None:
        page = profile.open(f"http://{host}:{world.port}/docs")
        status = profile.run(
            page,
            """(account) => fetch("/api/v1/auth/login", {
                 method: "POST",
                 headers: {"Content-Type": "application/json"},
                 body: JSON.stringify(account),
               }).then((response) => response.status)""",
            {"email": email, "password": PASSWORD},
        )
        assert status == 200
        spent = profile.token()

        profile.reload(page)

        assert profile.run(page, REFRESH) == 200
        assert profile.token() != spent


def test_a_front_end_on_the_same_site_stays_logged_in(
    world: World, profile: Profile, email: str
) -> None:
    page = profile.open(world.front_end)

    assert log_in(profile, page, email)
    profile.reload(page)

    assert me(profile, page, world.shop) == email
    assert [cookie["domain"] for cookie in profile.cookies()] == ["shop.test"]
    assert page.evaluate("document.cookie") == ""


@pytest.mark.parametrize(
    "way", ["form", "no-cors", "cors", "cors with JSON", "cors with forged headers"]
)
@pytest.mark.parametrize("attacker", ["sibling", "other site", "plain HTTP"])
class TestAttackersPage:
    def test_ends_no_session_and_rotates_no_token(
        self, world: World, profile: Profile, email: str, attacker: str, way: str
    ) -> None:
        mine = profile.open(world.shop)
        log_in(profile, mine, email)
        token = profile.token()

        attempts = attack(world, profile, attacker, "refresh", way, {})
        attempts += attack(world, profile, attacker, "logout", way, {})

        assert_refused(attempts, attacker)
        # SameSite does not keep a sibling out: it is the service that does.
        for attempt in sent_by_the_page(attempts):
            assert (token in attempt.headers.get("cookie", "")) == (attacker == "sibling")
        assert profile.token() == token
        assert me(profile, mine) == email
        assert profile.run(mine, REFRESH) == 200

    def test_logs_nobody_in(
        self, world: World, profile: Profile, email: str, attacker: str, way: str
    ) -> None:
        own = {"email": register(world), "password": PASSWORD}

        assert_refused(attack(world, profile, attacker, "login", way, own), attacker)
        assert profile.cookies() == []

        mine = profile.open(world.shop)
        log_in(profile, mine, email)
        assert_refused(attack(world, profile, attacker, "login", way, own), attacker)
        profile.reload(mine)
        assert me(profile, mine) == email


@pytest.mark.parametrize("attacker", ["sibling", "plain HTTP"])
def test_an_attackers_page_plants_no_cookie(world: World, profile: Profile, attacker: str) -> None:
    page = profile.open(world.attacker(attacker))

    for domain in ("", "; Domain=shop.test"):
        page.evaluate(f"document.cookie = '{COOKIE}=theirs; Path=/; Secure{domain}'")

    mine = profile.open(world.shop)
    assert profile.run(mine, REFRESH) == 401
    assert COOKIE not in world.encrypted.seen[-1].headers.get("cookie", "")


def attack(
    world: World, profile: Profile, attacker: str, path: str, way: str, body: dict[str, str]
) -> list[Seen]:
    """Have a page of the attacker's send a request in this way: what the service got of it.

    Where the browser asks first whether it may (CORS), that is all the service gets.
    """
    url = f"{world.shop}{AUTH}/{path}"

    def send() -> list[Seen]:
        page = profile.open(world.attacker(attacker))
        world.encrypted.seen.clear()
        if way == "form":
            with page.expect_navigation():
                page.evaluate(FORM, [url, body])
        else:
            page.evaluate(FETCH, [url, body, way])
        return list(world.encrypted.seen)

    return profile.do(send)


FORM: Final = """([url, body]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = url;
  form.enctype = "text/plain";
  // A body that is JSON, but for the type that it is sent with.
  const field = document.createElement("input");
  field.name = JSON.stringify({ ...body, x: "" }).slice(0, -2);
  field.value = '"}';
  form.append(field);
  document.body.append(form);
  form.submit();
}"""

FETCH: Final = """([url, body, way]) => {
  const headers = {
    "cors with JSON": { "Content-Type": "application/json" },
    // These a browser lets nobody set: it sends what is true, and needs no permission for it.
    "cors with forged headers": { "Origin": "https://shop.test", "Sec-Fetch-Site": "same-origin" },
  };
  return fetch(url, {
    method: "POST",
    credentials: "include",
    mode: way === "no-cors" ? "no-cors" : "cors",
    headers: headers[way],
    body: way === "no-cors" ? undefined : JSON.stringify(body),
  }).catch(() => null);
}"""


def sent_by_the_page(attempts: list[Seen]) -> list[Seen]:
    """Without the questions of the browser's own (CORS)."""
    return [attempt for attempt in attempts if attempt.method != "OPTIONS"]


def assert_refused(attempts: list[Seen], attacker: str) -> None:
    """They were made, as the browser makes them, and nothing came of them."""
    site = "same-site" if attacker == "sibling" else "cross-site"
    assert attempts
    for attempt in attempts:
        assert attempt.headers["sec-fetch-site"] == site
        assert attempt.set_cookies == []
        if attempt.method == "OPTIONS":
            assert attempt.status == 405
        elif attempt.path.endswith("/logout"):
            assert attempt.status == 401
        else:
            assert attempt.status == 403


def text(response: Response) -> str:
    return response.text() if "/api/" in response.url else ""
