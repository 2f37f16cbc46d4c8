"""Callers that a service meets at the same time: one at a steady pace, and neighbours that crowd it.

Each kind is a coroutine over plain sockets that sends bytes made beforehand, so that it takes little
CPU time. [`Load`] runs one in a process of its own. `until` and `begin` are seconds of the system's
monotonic clock, which all processes share. Loopback only.
"""
import asyncio
import collections
import contextlib
import multiprocessing
import os
import re
import resource
import socket
import time

# A neighbour's process gives way to the steady caller and to the service.
NEIGHBOUR_NICE = 10
# Longest wait for an answer to the steady caller. A later answer counts as none.
PATIENCE_S = 5
# Pause before Linux is asked what the host withheld: it counts at its ticks.
STOLEN_PAUSE_S = 0.02
# Pause between two pieces of a slow body.
DRIP_S = 0.5
# Pause before a closed connection is opened again.
AGAIN_S = 0.2
OPEN_FILES = 4096
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


class Load:
    """A coroutine in a process of its own, for the time of a `with`."""

    def __init__(self, work, *words, nice=0):
        context = multiprocessing.get_context("fork")
        self.results, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=self.run, args=(sender, nice, work, words), daemon=True)

    @staticmethod
    def run(sender, nice, work, words):
        os.nice(nice)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most if most < OPEN_FILES else OPEN_FILES, most))
        sender.send(asyncio.run(work(*words)))

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()

    def result(self, until):
        """What the coroutine gives back; None if it is not done then."""
        if self.results.poll(max(until - time.monotonic(), 0)):
            with contextlib.suppress(EOFError):
                return self.results.recv()
        return None


# ---- One exchange -------------------------------------------------------------------------------

def request(path, headers, body, length=None):
    """The bytes of a request. `length` is announced if it is not the body's."""
    lines = {"Host": "neighbours", **headers, "Content-Length": len(body) if length is None else length}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def connected(port):
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


async def received(connection):
    data = await asyncio.get_running_loop().sock_recv(connection, 65536)
    if not data:
        raise ConnectionError("closed")
    return data


async def exchange(connection, sent):
    """The status of the answer, and whether the connection is kept."""
    await asyncio.get_running_loop().sock_sendall(connection, sent)
    data = b""
    while (at := data.find(b"\r\n\r\n")) < 0:
        data += await received(connection)
    head = data[:at].lower()
    found = LENGTH.search(head)
    whole = at + 4 + (int(found[1]) if found else 0)
    while len(data) < whole:
        data += await received(connection)
    return head[9:12].decode(), b"\r\nconnection: close" not in head


async def ended(task):
    """Cancels a task that may still watch a socket, before the socket is closed."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def stolen_ms():
    """CPU time that the host has withheld from this machine since its start (proc_stat(5): steal)."""
    with open("/proc/stat") as stat:
        return int(stat.readline().split()[8]) * 1000 / os.sysconf("SC_CLK_TCK")


# ---- Kinds of callers ---------------------------------------------------------------------------

async def paced(port, sent, per_second, begin, seconds):
    """Sends requests when they are due, also while earlier ones have no answer, each over a
    connection of its own. Gives back the outcome of each, the milliseconds since it was due, and
    the milliseconds that the host withheld from shortly before until then."""
    async def ask():
        with await connected(port) as connection:
            status, _ = await exchange(connection, sent)
            return status

    async def call(due, before_ms):
        try:
            outcome = await asyncio.wait_for(ask(), due + PATIENCE_S - time.monotonic())
        except asyncio.TimeoutError:
            outcome = "no answer"
        except OSError:
            outcome = "cut"
        took_ms = (time.monotonic() - due) * 1e3
        await asyncio.sleep(STOLEN_PAUSE_S)
        return outcome, took_ms, stolen_ms() - before_ms

    calls = []
    for number in range(int(per_second * seconds)):
        due, before_ms = begin + number / per_second, stolen_ms()
        await asyncio.sleep(max(due - time.monotonic(), 0))
        calls.append(asyncio.create_task(call(due, before_ms)))
    return await asyncio.gather(*calls)


async def repeated(count, until, call, most=float("inf")):
    """`count` callers that make their call again and again. Gives back how often each outcome was,
    when the time is over or about `most` are there."""
    outcomes = collections.Counter()

    async def caller():
        while time.monotonic() < until and outcomes.total() < most:
            try:
                await call(outcomes)
            except OSError:
                outcomes["cut"] += 1
                await asyncio.sleep(AGAIN_S)

    await asyncio.wait([asyncio.create_task(caller()) for _ in range(count)], timeout=until - time.monotonic())
    return outcomes


async def closed_loop(port, sent, connections, until, pause_s=0, most=float("inf")):
    """Each caller sends its next request when it has an answer, also when it is refused."""
    async def call(outcomes):
        with await connected(port) as connection:
            is_kept = True
            while is_kept and time.monotonic() < until and outcomes.total() < most:
                status, is_kept = await exchange(connection, sent)
                outcomes[status] += 1
                await asyncio.sleep(pause_s)

    return await repeated(connections, until, call, most)


async def slow_bodies(port, begun, connections, until, bytes_per_s):
    """Each caller sends the beginning of a request, and then a few bytes now and then until the
    service closes the connection."""
    async def call(outcomes):
        loop = asyncio.get_running_loop()
        with await connected(port) as connection:
            await loop.sock_sendall(connection, begun)
            answer = asyncio.create_task(loop.sock_recv(connection, 65536))
            try:
                while time.monotonic() < until:
                    done, _ = await asyncio.wait([answer], timeout=DRIP_S)
                    if done:
                        data = answer.result()
                        if not data:
                            await asyncio.sleep(AGAIN_S)
                            return
                        if data.startswith(b"HTTP/1.1 "):
                            outcomes[data[9:12].decode()] += 1
                        answer = asyncio.create_task(loop.sock_recv(connection, 65536))
                    else:
                        await loop.sock_sendall(connection, b"." * int(bytes_per_s * DRIP_S))
            finally:
                await ended(answer)

    return await repeated(connections, until, call)


async def silent(port, connections, until):
    """Connections over which nothing is sent."""
    async def call(outcomes):
        with await connected(port) as connection:
            await asyncio.get_running_loop().sock_recv(connection, 1)
            outcomes["closed"] += 1
        await asyncio.sleep(AGAIN_S)

    return await repeated(connections, until, call)


async def slow_streams(port, path, headers, length, streams, until, bytes_per_s):
    """One HTTP/2 connection. Each of its streams announces a body, and sends a few bytes of it now
    and then."""
    # From `harness.importable`, after this module.
    import h2.config
    import h2.connection
    import h2.events
    import h2.exceptions

    head = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "neighbours"),
            *((name.lower(), value) for name, value in headers.items()), ("content-length", str(length))]

    async def call(outcomes):
        loop = asyncio.get_running_loop()
        state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        state.initiate_connection()
        with await connected(port) as connection:
            arrived = asyncio.create_task(loop.sock_recv(connection, 65536))
            running = set()
            try:
                while time.monotonic() < until:
                    while len(running) < streams and state.open_outbound_streams < min(
                            streams, state.remote_settings.max_concurrent_streams):
                        stream = state.get_next_available_stream_id()
                        state.send_headers(stream, head)
                        running.add(stream)
                    for stream in list(running):
                        try:
                            state.send_data(stream, b"." * int(bytes_per_s * DRIP_S))
                        except h2.exceptions.ProtocolError:
                            running.discard(stream)
                    await loop.sock_sendall(connection, state.data_to_send())
                    done, _ = await asyncio.wait([arrived], timeout=DRIP_S)
                    if not done:
                        continue
                    data = arrived.result()
                    if not data:
                        await asyncio.sleep(AGAIN_S)
                        return
                    arrived = asyncio.create_task(loop.sock_recv(connection, 65536))
                    for event in state.receive_data(data):
                        if isinstance(event, h2.events.ResponseReceived):
                            outcomes[dict(event.headers)[":status"]] += 1
                        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                            running.discard(event.stream_id)
                            if isinstance(event, h2.events.StreamEnded):
                                with contextlib.suppress(h2.exceptions.ProtocolError):
                                    state.reset_stream(event.stream_id)
            except h2.exceptions.ProtocolError as error:
                raise ConnectionError(str(error)) from error
            finally:
                await ended(arrived)

    return await repeated(1, until, call)
