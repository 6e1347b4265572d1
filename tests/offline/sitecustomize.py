"""Cuts the network off in every Python process of the tests: only this machine can be reached.

`labkit test` puts this folder on PYTHONPATH, so that notebook kernels and child processes are cut off too.
"""

import ipaddress
import socket

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


def _local(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else None
    if isinstance(address, tuple) and not _local(host):
        raise OSError(f"The tests run with the network cut off, and something tried to reach {host}.")


def connect(self: socket.socket, address: object) -> None:
    _refuse(address)
    _connect(self, address)


def connect_ex(self: socket.socket, address: object) -> int:
    _refuse(address)
    return _connect_ex(self, address)


def getaddrinfo(host: object, *args: object, **kwargs: object) -> list:
    if not _local(host):
        raise socket.gaierror(f"The tests run with the network cut off, and something looked up {host}.")
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = connect
socket.socket.connect_ex = connect_ex
socket.getaddrinfo = getaddrinfo
