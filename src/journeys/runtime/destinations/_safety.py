"""Which URLs and addresses may be connected to: definitions are untrusted, and so are the names in them.

The rules are written out here rather than left to ``ipaddress.is_global``, whose answer changes between versions of
Python and which takes NAT64, 6to4, site-local and multicast addresses for global ones on 3.11.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence

import attrs
import httpx

#: the addresses of a host: (host, port) -> addresses as text
Resolver = Callable[[str, int], Sequence[str]]

MAX_URL = 2048

# IANA's special-purpose registries, and two addresses at which clouds serve metadata to their guests.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure
    )
)  # fmt: skip
_GLOBAL_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # IETF protocol assignments: Teredo, ORCHID, anycast
        "2001:db8::/32", "2002::/16",  # documentation, 6to4
        "2620:4f:8000::/48", "3fff::/20", "3ffe::/16",  # AS112, documentation, 6bone
    )
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: str) -> bool:
    """Whether the address, as text, belongs to the public Internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_public_4(ip)
    if ip.scope_id is not None:
        return False
    # A machine without IPv4 reaches the public IPv4 through NAT64, so what is embedded decides; a mapped address is
    # connected to as IPv4.
    if ip.ipv4_mapped is not None:
        return _is_public_4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_public_4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return ip in _GLOBAL_UNICAST_6 and ip.is_global and not any(ip in network for network in _NOT_PUBLIC_6)


def _is_public_4(ip: ipaddress.IPv4Address) -> bool:
    return ip.is_global and not any(ip in network for network in _NOT_PUBLIC_4)


IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(values: Iterable[str | IPNetwork]) -> tuple[IPNetwork, ...]:
    if isinstance(values, str):
        raise TypeError(f"expected several networks, got one text: write [{values!r}]")
    try:
        return tuple(ipaddress.ip_network(each) for each in values)
    except ValueError as problem:
        raise ValueError(f"{problem}: expected an address or a network like 10.1.2.0/24") from None


@attrs.frozen(kw_only=True)
class Network:
    """What a destination may do on the network. Set by the application, never by a definition."""

    #: plain http too
    http: bool = False
    #: every address, also those that are not public
    private: bool = False
    #: the addresses of these networks besides the public ones
    networks: tuple[IPNetwork, ...] = attrs.field(default=(), converter=_networks)
    #: seconds for one try, everything included
    timeout: float = attrs.field(default=20.0, validator=attrs.validators.gt(0))
    #: this much of an answer is read
    answer_bytes: int = 65_536
    #: larger payloads are rejected
    payload_bytes: int = 32_768
    #: seconds: a longer ``Retry-After`` is cut
    longest_wait: float = 86_400.0
    #: what to ask instead of the system for the addresses of a host
    resolve: Resolver | None = attrs.field(default=None, repr=False)
    #: what to trust instead of the usual certificate authorities
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, repr=False)

    def allows(self, address: str) -> bool:
        """Whether the address may be connected to."""
        return self.private or is_public(address) or self._is_within(address)

    def _is_within(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address):
            if ip.scope_id is not None:
                return False
            ip = ip.ipv4_mapped or ip
        return any(ip in network for network in self.networks)


#: https to public addresses
PUBLIC = Network()


def check_url(url: str, network: Network) -> httpx.URL:
    """The URL, parsed as it will be used; ValueError says what is wrong with it, without repeating it.

    A host name is not resolved here: its addresses are checked where the connection is made.
    """
    if not isinstance(url, str) or not url or len(url) > MAX_URL:
        raise ValueError(f"expected a URL of at most {MAX_URL} characters")
    if any(ord(character) <= 0x20 or ord(character) == 0x7F or character == "\\" for character in url):
        raise ValueError("a URL has no spaces, control characters or backslashes")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("this is no URL") from None
    schemes = ("https", "http") if network.http else ("https",)
    if parsed.scheme not in schemes:
        raise ValueError(f"expected a URL that begins with {' or '.join(f'{each}://' for each in schemes)}")
    if parsed.userinfo:
        raise ValueError("credentials do not belong in a URL: use the option that holds the secret")
    if parsed.fragment:
        raise ValueError("a URL to send to has no fragment ('#')")
    check_host(parsed.host, network)
    if parsed.port == 0:
        raise ValueError("port 0 cannot be connected to")
    return parsed


def check_host(host: str, network: Network) -> None:
    """Refuses what is plainly no public host; ValueError says why."""
    if not host or "%" in host or len(host) > 253:
        raise ValueError("expected the name of a host")
    name = host.rstrip(".").lower()
    if network.private:
        return
    if not network.networks and (name == "localhost" or name.endswith((".localhost", ".local", ".internal"))):
        raise ValueError("this host is not public")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        if not network.allows(host):
            raise ValueError("this address is not public")
    try:
        # takes the spellings that the system's resolver takes: 127.1, 0x7f000001, 2130706433
        address = socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return
    if not network.allows(address):
        raise ValueError("this address is not public")
