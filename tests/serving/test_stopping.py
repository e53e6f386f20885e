"""SIGTERM and SIGINT: what was asked is answered, and the process ends with 0 within a known time."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxwright.artifacts import Bundle
from boxwright.serving import read_events
from tests.serving.own_process import ROOT, OwnProcess, answer, get, post, serving
from tests.tiny_bundles import jpeg, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_readiness_falls_at_once_all_is_answered_and_the_exit_code_is_0(
    bundle: Bundle, tmp_path: Path, number: signal.Signals
) -> None:
    with serving(bundle, tmp_path, drain_delay=1.5) as server:
        kept, idle, begun = server.http(), server.connect(), server.connect()
        kept.request("POST", "/v1/detect", jpeg())
        first = kept.getresponse()
        assert (first.status, first.getheader("connection")) == (200, None)
        first.read()
        whole = post(jpeg())
        begun.sendall(whole[:200])  # a request on the way when the signal comes
        server.signal(number)
        server.await_said("stopping")
        status, _ = server.ask("GET", "/v2/health/ready")
        assert status == 503
        assert server.ask("GET", "/v2/health/live")[0] == 200
        kept.request("POST", "/v1/detect", jpeg())
        last = kept.getresponse()
        assert (last.status, last.getheader("connection")) == (200, "close")
        idle.sendall(get("/v2/health/live"))  # its first request comes after the signal
        status, headers, _ = answer(idle)
        assert (status, headers["connection"]) == (200, "close")
        begun.sendall(whole[200:])
        assert answer(begun)[0] == 200
        assert server.wait() == 0
        assert server.process.returncode == 0
    assert len(read_events(tmp_path / "journal")) == 3


def test_requests_in_hand_are_finished_after_listening_ended(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, slow=1.5, drain_delay=0, in_flight=1) as server:
        clients = [server.connect() for _ in range(3)]
        for client in clients:
            client.sendall(post(jpeg()))
        until = time.monotonic() + 20
        while server.metric("boxwright_body_bytes") < 3 * len(jpeg()) and time.monotonic() < until:
            time.sleep(0.02)
        server.signal()
        assert [answer(client)[0] for client in clients] == [200, 200, 200]
        with pytest.raises(OSError):
            server.connect()
        assert server.wait() == 0
        assert "got no answer" not in server.said()


def test_a_client_that_never_ends_is_given_up_after_the_time_for_requests(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, slow=30, drain_delay=0, drain_seconds=1) as server:
        client = server.connect()
        client.sendall(post(jpeg()))
        _await_metric(server, "boxwright_body_bytes")
        server.signal()
        assert server.wait(25) == 0
        assert "stopped with 1 request" in server.said()


def test_a_second_signal_stops_at_once(bundle: Bundle, tmp_path: Path) -> None:
    with serving(bundle, tmp_path, slow=30, drain_delay=30) as server:
        client = server.connect()
        client.sendall(post(jpeg()))
        _await_metric(server, "boxwright_body_bytes")
        server.signal()
        server.await_said("stopping")
        server.signal(signal.SIGINT)
        assert server.wait(20) == 0  # neither 30 s of delay nor of work are waited for


def test_a_server_that_still_loads_its_bundle_stops_at_once(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "bundle")
    server = OwnProcess(tmp_path, load_seconds=120)
    try:
        server.await_said("loading")
        server.signal()
        assert server.wait(30) == 0
        assert "serving on" not in server.said()
    finally:
        server.end()


def test_clients_that_keep_their_connections_lose_nothing(bundle: Bundle, tmp_path: Path) -> None:
    """Eight clients under load, without any delay for a balancer; what was sent on a connection is answered."""
    lost: list[str] = []
    answered = [0] * 8
    with serving(bundle, tmp_path, drain_delay=0) as server:

        def ask_on(number: int) -> None:
            while True:
                client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
                try:
                    client.connect()
                except OSError:
                    return  # it listens no more: nothing was asked
                while True:
                    try:
                        client.request("POST", "/v1/detect", jpeg())
                        response = client.getresponse()
                        response.read()
                    except (OSError, http.client.HTTPException) as error:
                        lost.append(repr(error))
                        return
                    if response.status != 200:
                        lost.append(str(response.status))
                    answered[number] += 1
                    if response.getheader("connection") == "close":
                        client.close()
                        break

        threads = [threading.Thread(target=ask_on, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 30
        while min(answered) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        server.signal()
        assert server.wait() == 0
        for thread in threads:
            thread.join()
    assert lost == []
    assert len(read_events(tmp_path / "journal")) == sum(answered)


def test_a_port_in_use_is_one_sentence_before_a_bundle_is_loaded(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "bundle")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = OwnProcess(tmp_path, port=port, load_seconds=0.01)
        try:
            assert server.wait() == 2
            said = server.said()
        finally:
            server.end()
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "loading" not in said and "serving on" not in said and "Traceback" not in said


def test_serving_on_is_said_only_when_it_answers(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "bundle")
    server = OwnProcess(tmp_path, load_seconds=0.5)
    try:
        server.await_said("loading")
        assert "serving on" not in server.said()
        server.await_serving()
        assert server.ask("POST", "/v1/detect", jpeg())[0] == 200
    finally:
        server.end()


def _await_metric(server: OwnProcess, line: str) -> None:
    until = time.monotonic() + 20
    while not server.metric(line):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_closing_listener_resets_no_connection_that_was_made(bundle: Bundle, tmp_path: Path) -> None:
    """A connection in the system's queue when listening ends has perhaps asked already."""
    with serving(bundle, tmp_path, drain_delay=0) as server:
        subprocess.run(["kill", "-STOP", str(server.process.pid)], check=True)
        clients = [server.connect() for _ in range(20)]  # made by the system; nobody has accepted them
        for client in clients:
            client.sendall(get())
        server.signal()
        subprocess.run(["kill", "-CONT", str(server.process.pid)], check=True)
        assert [answer(client)[0] for client in clients] == [200] * 20
        assert server.wait() == 0


@contextmanager
def _serving_on_a_pipe(bundle: Bundle, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int, int]]:
    """A server with a pipe for its stderr: process, port, and both ends of the pipe."""
    bundle.save(folder / "bundle")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    read_end, write_end = os.pipe()
    told = {"slow": 0, "load_seconds": 0, "host": "127.0.0.1", "port": port, "limits": {"drain_delay": 1.5}}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serving.own_process", str(folder), json.dumps(told)],
        stdout=subprocess.DEVNULL, stderr=write_end, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        said = b""
        while b"/v1/detect" not in said:
            part = os.read(read_end, 4096)
            assert part, said
            said += part
        yield process, port, read_end, write_end
    finally:
        process.kill()
        process.wait()
        os.close(write_end)


@pytest.mark.parametrize("how", ["gone", "stalled"])
def test_a_stderr_that_is_gone_or_not_read_changes_nothing_about_the_end(
    bundle: Bundle, tmp_path: Path, how: str
) -> None:
    with _serving_on_a_pipe(bundle, tmp_path) as (process, port, read_end, write_end):
        if how == "gone":
            os.close(read_end)
            # the reading end is open nowhere else, so every write of the server fails
        else:
            fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
            with pytest.raises(BlockingIOError):
                while True:
                    os.write(write_end, b"x")
            fcntl.fcntl(write_end, fcntl.F_SETFL, 0)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)  # the loop has taken note by now
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(post(jpeg()))
            assert answer(client)[0] == 200
        assert process.wait(25) == 0
    log = (tmp_path / "journal" / "server.log").read_text()
    assert "event=draining" in log and "event=stopped" in log


@pytest.mark.parametrize("signals", [1, 2])
def test_a_process_whose_loop_hangs_ends_after_a_signal_too(signals: int) -> None:
    lines = ["import time", "from boxwright.serving.stopping import StopSignals", "with StopSignals() as asked:"]
    lines += [
        f"    asked.seconds = {0 if signals == 1 else 600}",
        "    print('ready', flush=True)",
        "    time.sleep(600)",
    ]
    with subprocess.Popen([sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            for _ in range(signals):
                process.send_signal(signal.SIGTERM)
                time.sleep(0.3)  # two of one number at once are one
            assert process.wait(30) == 0
        finally:
            process.kill()
