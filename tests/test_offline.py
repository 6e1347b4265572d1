"""Every test runs with the network cut off; these check that it really is."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def test_other_hosts_cannot_be_reached():
    with pytest.raises(OSError, match="cut off"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="cut off"):
        socket.getaddrinfo("example.org", 80)


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_child_processes_are_cut_off_too():
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent / "offline")}
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert child.returncode != 0 and "cut off" in child.stderr
