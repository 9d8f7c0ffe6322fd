"""Who may ask what: names, origins and the token; and what every answer carries."""

import hmac
import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eyespot.serving.bodies import discard
from eyespot.serving.limits import Refused

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# These tell nothing about the model: the page takes the token from its own address and sends it.
_OPEN_PATHS = ("/", "/health", "/openapi.json")
_OPEN_FOLDER = "/page/"


@dataclass(frozen=True)
class Access:
    """names: that the server is reached by, lower case, besides numeric addresses.

    A page of another site cannot be told from the server's own by its address alone: its name may
    be made to lead here (DNS rebinding). A numeric address cannot.
    """

    names: frozenset[str]
    token: str | None = None

    def check(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        """Raises Refused for what is not for this server or not for this client."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._is_own(_name_in(host)):
            raise Refused(
                421, f"this server is not '{host}'; start it with --name NAME if that is its name"
            )
        if method not in _SAFE_METHODS:
            self._check_origin(headers.get(b"origin"), host)
        if self.token is not None and not _is_open(path):
            self._check_token(headers.get(b"authorization", b""))

    def _is_own(self, name: str) -> bool:
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _check_origin(self, origin: bytes | None, host: str) -> None:
        if origin is None:  # no browser
            return
        scheme, _, rest = origin.decode("latin-1").lower().partition("://")
        own = rest == host or (_name_in(rest) in self.names and "localhost" != _name_in(rest))
        if scheme not in ("http", "https") or not own:
            raise Refused(403, "pages of other sites may not ask this server")

    def _check_token(self, given: bytes) -> None:
        scheme, _, token = given.partition(b" ")
        right = hmac.compare_digest(token.strip(), (self.token or "").encode())
        if scheme.lower() != b"bearer" or not right:
            raise Refused(
                401,
                "the token is missing or wrong; send it as Authorization: Bearer TOKEN, or open "
                "the page as /#token=TOKEN",
                headers={"www-authenticate": "Bearer"},
            )


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def _name_in(host: str) -> str:
    """The name or address in `name:port`, `[::1]:port`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def told(refused: Refused) -> Response:
    """The answer that says no."""
    text = json.dumps({"error": str(refused)})
    return Response(text, refused.status, refused.headers, "application/json")


class Doorway:
    """The ASGI application behind `access`."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        count: Callable[[str, int, float], None],
        linger_seconds: float,
    ) -> None:
        """count: is told the path, status and seconds. linger_seconds: see Limits."""
        self._app = app
        self._access = access
        self._count = count
        self._linger_seconds = linger_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope["path"], message["status"], time.perf_counter() - begin)
                message["headers"] = [*message["headers"], *_HEADERS]
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            self._access.check(scope["method"], scope["path"], dict(scope["headers"]))
        except Refused as refused:
            if scope["method"] not in _SAFE_METHODS:
                await discard(scope, receive, self._linger_seconds)
            await told(refused)(scope, receive, send_more)
        else:
            await self._app(scope, receive, send_more)
