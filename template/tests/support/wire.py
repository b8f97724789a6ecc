"""A connection to the database that can be made to hang."""

import asyncio
from typing import Self
from urllib.parse import parse_qsl, urlsplit


class Wire:
    """Passes everything on between the service and its database, until it hangs."""

    def __init__(self, dsn: str, hang_at: bytes | None = None) -> None:
        """``dsn`` is the database's own address, of a network or of a Unix socket. Where somebody
        sends ``hang_at``, the connection hangs by itself.
        """
        self._target = urlsplit(dsn)
        self._hang_at = hang_at
        self._socket = dict(parse_qsl(self._target.query))
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._held = asyncio.Event()
        self._connections: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user, _, _ = self._target.netloc.rpartition("@")
        self.dsn = f"postgresql://{user}@127.0.0.1:{port}{self._target.path}"
        """The address by which the service finds the database through the wire."""
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def hang(self) -> None:
        """Take what is sent, and pass nothing on any more."""
        self._flowing.clear()

    async def held(self) -> None:
        """Wait until something has been sent that will not arrive."""
        await self._held.wait()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._open()
        for source, target in ((reader, to_server), (from_server, writer)):
            self._connections.append(asyncio.create_task(self._pass_on(source, target)))

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "host" in self._socket:
            port = self._socket.get("port", "5432")
            return await asyncio.open_unix_connection(f"{self._socket['host']}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if self._hang_at and self._hang_at in data:
                    self.hang()
                if not self._flowing.is_set():
                    self._held.set()
                    await self._flowing.wait()
                target.write(data)
                await target.drain()
        finally:
            target.close()
