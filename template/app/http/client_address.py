"""Where a request comes from."""

import ipaddress

from fastapi import Request


def client_address(request: Request, trusted_proxies: int) -> str:
    """The network that a caller is taken for: an IPv4 address, or a /64 of IPv6, which is what one
    customer has at the least (RFC 6177).

    ``trusted_proxies`` is how many proxies stand in front of the service, each of which has added
    the address it was called from to ``X-Forwarded-For``; what stands before those anybody can
    have written.
    """
    address = request.client.host if request.client else ""
    if trusted_proxies:
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        address = forwarded[-trusted_proxies:][0].strip() or address
    return _network(address)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
