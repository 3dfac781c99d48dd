"""Definitions are untrusted: whatever is in a URL, and whatever a name leads to, no private address is connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator

import anyio
import attrs
import pytest

from journeys import errors
from journeys.destinations import HTTP, SMTP, Network, Slack, Webhook
from journeys.runtime.destinations._safety import check_url, is_public
from tests.runtime.destinations.support import LOCAL, Server, deliver_async, deliver_sync, delivery


def words(text: str) -> list[str]:
    return text.split()


PRIVATE_4 = words("""
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3
    127.255.255.254 168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192
    192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
""")
PRIVATE_6 = words("""
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::7f00:1
    64:ff9b:1::1 64:ff9b:1::808:808 100::1 2001::1 2001:0:7f00:1::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
    2002:7f00:1::1 2002:a9fe:a9fe::1 2002:808:808::1 2620:4f:8000::1 3fff::1 3ffe::1 4000::1 5f00::1 fc00::1
    fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 fec0::1 feff::1 ff02::1 ff0e::1 2a00::5efe:a00:1
    2a00::200:5efe:a00:1 2606:4700::1111%eth0
""")
PUBLIC = words("""
    1.1.1.1 8.8.8.8 9.9.9.9 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.15 172.15.255.255
    172.32.0.1 192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1 203.0.112.1 223.255.255.255
    2606:4700::1111 2a00:1450:4001::200e 2001:4860:4860::8888 2001:200::1 64:ff9b::808:808 ::ffff:8.8.8.8
""")
NO_ADDRESSES = ["", "x", "1.1.1", "2130706433", "0x7f000001", "::g", "1.1.1.1 "]


@pytest.mark.parametrize("address", PRIVATE_4 + PRIVATE_6 + NO_ADDRESSES)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


def spellings(address: str) -> Iterator[str]:
    """An IPv4 address in the ways in which hosts of URLs can say it."""
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = parts = address.split(".")
    yield from (address, address + ".", str(number), hex(number), f"0{number:o}", f"0x{number:X}", f"{number}.")
    yield ".".join(hex(int(each)) for each in parts)
    yield ".".join(f"0{int(each):o}" for each in parts)
    yield ".".join(f"{int(each):04o}" for each in parts)
    yield f"{a}.{number & 0xFFFFFF}"
    yield f"{a}.{b}.{number & 0xFFFF}"
    yield f"0x{int(a):x}.{b}.0{int(c):o}.{d}"
    yield from (f"[::ffff:{address}]", f"[::{address}]", f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]")
    yield from (f"[0:0:0:0:0:ffff:{address}]", f"[64:ff9b::{address}]", f"[64:ff9b:1::{address}]")
    yield f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]"
    yield f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1]"
    yield "".join(chr(ord(each) + 0xFEE0) if each.isdigit() else "．" for each in address)  # fullwidth
    yield address.replace(".", "。")
    yield "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(each)] if each.isdigit() else each for each in address)
    yield address.replace(".", "%2e")


NAMES = words("""
    localhost LOCALHOST localhost. ip6-localhost a.localhost metadata.google.internal metadata printer.local
    [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [fe80::1] [fe80::1%25lo] [fe80::1%lo] [fec0::1] [fd00:ec2::254] [ff02::1]
    [::1%25] 127.1 127.0.1 0 0x0 00 127.0.0.1.nip.io 1.1.1.1@127.0.0.1 ::1
""")
URLS = words(r"""
    http://127.0.0.1/ https:127.0.0.1 https:///127.0.0.1 https:/127.0.0.1 //127.0.0.1/ file:///etc/passwd
    gopher://127.0.0.1/ ftp://127.0.0.1/ unix:///var/run/docker.sock ws://127.0.0.1/ javascript:alert(1) data:,x
    https://user:pass@hooks.test/ https://user@127.0.0.1/ https://hooks.test@127.0.0.1/ https://127.0.0.1#@hooks.test/
    https://127.0.0.1?@hooks.test/ https://127.0.0.1\@hooks.test/ https:\\127.0.0.1/ https://[::1]@hooks.test/
    https://hooks.test:0/ https://[::1 https://:443/ https://%31%32%37.0.0.1/ https://hooks.test%00.example/
    HTTPS://127.0.0.1/ https://hooks.test/#x
""")
URLS += ["https://127.0.0.1 /", " https://127.0.0.1/", "https://127.0.0.1\r\nHost: x/", "https://127.0.0.1\t/", ""]


@attrs.frozen
class Canary:
    """Listens on all addresses of this machine, and watches whom this process wants to connect to."""

    port: int
    seen: list[str] = attrs.field(factory=list)


@pytest.fixture
def canary(monkeypatch) -> Iterator[Canary]:
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    found = Canary(listener.getsockname()[1])

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            found.seen.append("a connection")
            connection.close()

    def connect(address, *_, **__):
        found.seen.append(address[0])
        raise ConnectionRefusedError

    async def connect_tcp(remote_host, *_, **__):
        found.seen.append(remote_host)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(anyio, "connect_tcp", connect_tcp)
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield found
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(2)


def try_all(make: Callable[[], object]) -> None:
    """Makes a destination and delivers, both ways; whatever happens, it is no success."""
    for send in (deliver_sync, deliver_async):
        try:
            destination = make()
        except ValueError:
            return
        with pytest.raises((errors.Rejected, errors.Retry)):
            send(destination, delivery())


@pytest.mark.parametrize("send", [deliver_sync, deliver_async])
def test_the_canary_sees_what_is_allowed(canary: Canary, send) -> None:
    network = Network(http=True, private=True, resolve=lambda host, port: ["10.0.0.1"])
    with pytest.raises(errors.Retry):
        send(Webhook("http://hooks.test/", network=network), delivery())
    assert canary.seen == ["10.0.0.1"]


@pytest.mark.parametrize("address", PRIVATE_4)
def test_private_addresses_in_urls(canary: Canary, address: str) -> None:
    for host in spellings(address):
        try_all(lambda host=host: Webhook(f"https://{host}:{canary.port}/"))
        try_all(lambda host=host: Webhook(f"http://{host}:{canary.port}/", network=Network(http=True)))
    assert canary.seen == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.3.4", "169.254.169.254"])
def test_private_addresses_beside_a_network_that_is_allowed(canary: Canary, address: str, monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", (address, port))])
    network = Network(http=True, networks=["10.1.2.0/24"])
    for host in (*spellings(address), *NAMES):
        try_all(lambda host=host: Webhook(f"http://{host}:{canary.port}/", network=network))
    assert canary.seen == []


@pytest.mark.parametrize("url", [f"https://{name}:1/" for name in NAMES] + URLS)
def test_hostile_urls(canary: Canary, url: str, monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", ("127.0.0.1", port))])
    network = Network(http=True, timeout=5) if url.startswith("https") else Network(timeout=5)
    for make in (
        lambda: Webhook(url, network=network),
        lambda: HTTP(url, network=network),
        lambda: Slack(url, network=network),
        lambda: HTTP("https://hooks.test/{{ x }}", transport=None, network=Network(resolve=lambda h, p: ["127.0.0.1"])),
    ):
        try_all(make)
    assert canary.seen == []


@pytest.mark.parametrize("address", PRIVATE_4 + PRIVATE_6)
def test_names_that_lead_to_private_addresses(canary: Canary, address: str) -> None:
    network = Network(http=True, resolve=lambda host, port: [address])
    for send in (deliver_sync, deliver_async):
        with pytest.raises(errors.Rejected, match="no public host"):
            send(Webhook(f"http://hooks.test:{canary.port}/", network=network), delivery())
    with pytest.raises(errors.Rejected):
        SMTP("mail.test", sender="a@b.example", subject="s", text="t", network=network).deliver(delivery())
    assert canary.seen == []


def test_the_system_s_own_answers_are_checked(canary: Canary) -> None:
    """The spellings as names that are resolved by the system, past the check of the URL."""
    for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1"):
        for host in spellings(address):
            hook = Webhook("https://hooks.test/")
            object.__setattr__(hook, "url", f"https://{host}:{canary.port}/")
            for send in (deliver_sync, deliver_async):
                with pytest.raises(Exception) as told:
                    send(hook, delivery())
                assert not isinstance(told.value, AssertionError)
    assert canary.seen == []


@pytest.mark.parametrize("send", [deliver_sync, deliver_async])
def test_rebinding(canary: Canary, send) -> None:
    """The address that was checked is the one that is connected to; nobody asks a second time."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    network = Network(http=True, resolve=lambda host, port: next(answers))
    with pytest.raises(errors.Retry):
        send(Webhook(f"http://hooks.test:{canary.port}/", network=network), delivery())
    assert canary.seen == ["8.8.8.8"]
    with pytest.raises(errors.Rejected):
        send(Webhook(f"http://hooks.test:{canary.port}/", network=network), delivery())
    assert canary.seen == ["8.8.8.8"]


@pytest.mark.parametrize("send", [deliver_sync, deliver_async])
def test_private_addresses_among_public_ones_are_passed_over(canary: Canary, send) -> None:
    many = ["127.0.0.1", "8.8.8.8", "::1", "2606:4700::1111", "10.0.0.1", *(f"9.9.9.{n}" for n in range(50))]
    with pytest.raises(errors.Retry):
        send(Webhook("https://hooks.test/", network=Network(resolve=lambda host, port: many)), delivery())
    assert canary.seen == ["8.8.8.8", "2606:4700::1111", "9.9.9.0"]  # and not for ever


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, send) -> None:
    first, second = Server(), Server()
    first.reply(status, b"", location=second.url)
    with pytest.raises(errors.Rejected, match="redirects are not followed"):
        send(Webhook(first.url, network=LOCAL), delivery())
    first.close()
    second.close()
    assert not second.requests


def test_hosts_that_are_no_hosts(send) -> None:
    for host in ("a" * 64 + ".test", ".".join(["a" * 60] * 5), "xn--" + "a" * 70):
        with pytest.raises((ValueError, errors.Rejected, errors.Retry)):
            send(Webhook(f"https://{host}/"), delivery())


def test_what_the_application_allows() -> None:
    check_url("https://hooks.example/x?y=1", Network())
    check_url("https://8.8.8.8/", Network())
    check_url("https://[2606:4700::1111]:8443/", Network())
    check_url("http://hooks.example/", Network(http=True))
    check_url("https://10.0.0.1/", Network(private=True))
    with pytest.raises(ValueError, match=r"begins with https://$"):
        check_url("http://10.0.0.1/", Network(private=True))


def test_problems_do_not_repeat_the_url() -> None:
    for url in ("https://user:taint@hooks.test/", "http://x/taint", "https://127.0.0.1/taint", "https://a b/taint"):
        with pytest.raises(ValueError) as told:
            check_url(url, Network())
        assert "taint" not in str(told.value)


def test_unix_sockets_cannot_be_reached() -> None:
    from journeys.runtime.destinations._http import _AsyncBackend, _Backend

    with pytest.raises(NotImplementedError):
        _Backend(Network()).connect_unix_socket("/var/run/docker.sock")
    with pytest.raises(NotImplementedError):
        asyncio.run(_AsyncBackend(Network()).connect_unix_socket("/var/run/docker.sock"))


# ---------------------------------------------------------------------------------------- what an operator allows


def test_networks_that_are_allowed_are_allowed_and_no_others() -> None:
    network = Network(http=True, networks=["10.1.2.0/24", "fd00::7"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7", "1.1.1.1"):
        assert network.allows(address), address
    for address in (
        "10.1.3.1",
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "fd00::8",
        "fd00::7%eth0",
        "64:ff9b::a01:203",
        "x",
        "",
    ):
        assert not network.allows(address), address
    for url in ("http://10.1.2.3:8080/hook", "http://[fd00::7]/", "http://167838211/", "http://hook.internal/"):
        check_url(url, network)
    for url in ("http://10.1.3.3/", "http://127.0.0.1/", "http://127.1/", "http://[::1]/", "http://[::ffff:7f00:1]/"):
        with pytest.raises(ValueError, match="not public"):
            check_url(url, network)


@pytest.mark.parametrize("wrong", ["10.1.2.0/24", ["10.1.2.3/24"], ["ten"], ["localhost"]])
def test_networks_that_are_none(wrong) -> None:
    with pytest.raises((ValueError, TypeError), match=r"10\.1\.2|write"):
        Network(networks=wrong)


@pytest.mark.parametrize("send", [deliver_sync, deliver_async])
def test_names_are_held_to_the_networks_too(canary: Canary, send) -> None:
    """A name that leads elsewhere is not connected to, whatever it is called."""
    where = {"hook.internal": ["10.1.2.3"], "other.internal": ["10.1.3.3"], "both.internal": ["10.1.3.3", "10.1.2.4"]}
    network = Network(http=True, networks=["10.1.2.0/24"], resolve=lambda host, port: where[host])
    for host, error in (("hook", errors.Retry), ("other", errors.Rejected), ("both", errors.Retry)):
        with pytest.raises(error):
            send(Webhook(f"http://{host}.internal/", network=network), delivery())
    assert canary.seen == ["10.1.2.3", "10.1.2.4"]
