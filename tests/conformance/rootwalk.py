"""rootwalk, for the conformance scenarios: what a scenario wants, as our configuration.

`rpl.py run --adapter tests/conformance/rootwalk.py --binary target/debug/rootwalk`.
SUPPORTS names the optional features that exist; a scenario that needs another one is
"not applicable".
"""
import os

SUPPORTS = {
    "forward",                # forwarding of a zone, or of everything
    "forward-first",          # ... with fallback to iteration
    "stub",                   # authoritative servers of a zone given in the configuration
    "stub-first",             # ... with fallback to iteration
    "validation",             # RFC 4035
    "negative-trust-anchor",  # RFC 7646
    "dns64",                  # RFC 6147
    "dns64-ignore-aaaa",
    "rd0-from-cache",         # RD=0 is answered from the cache
    "ttl-limits",             # min/max TTL, positive and negative
    "serve-stale",            # RFC 8767
    "prefetch",               # refresh of entries shortly before they expire
    "ede",                    # RFC 8914
    "chaos-id",               # RFC 4892
    "nsid",                   # RFC 5001
    "cookie-secret",          # RFC 7873, RFC 9018
    "private-address",        # rebinding protection
    "qmin-strict",
    "local-zones",            # RFC 6303
    "aggressive-nsec",        # RFC 8198
}


def text(v):
    return '"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"'


def value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (int, float)):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "[" + ", ".join(value(x) for x in v) + "]"
    return text(v)


def table(header, **kv):
    """A TOML table; options that are None are left out, the default applies."""
    return [header] + ["%s = %s" % (k, value(v)) for k, v in kv.items() if v is not None] + [""]


def within(v, least, most):
    """A number as near as our setting comes to it; None stays."""
    return None if v is None else min(max(v, least), most)


def least(v, greatest, usual):
    """A least TTL; where a scenario has one that is greater than the greatest, that one counts."""
    return within(v, 0, usual if greatest is None else min(greatest, usual))


def zones(entries, taken=()):
    """One entry for each zone with servers, with each address once: scenarios may have several."""
    by_zone = {}
    for entry in (z for z in entries if z["addrs"] and z["name"].lower().rstrip(".") not in taken):
        merged = by_zone.setdefault(entry["name"].lower().rstrip("."), {**entry, "addrs": []})
        merged["addrs"] = list(dict.fromkeys(merged["addrs"] + entry["addrs"]))
    return by_zone


def stale(s):
    if s is None:
        return {"max_stale_secs": 0}
    return {
        # 0 is without end there
        "max_stale_secs": within(s.get("ttl") or 86400, 1, 604800),
        "stale_reply_ttl_secs": within(s.get("reply_ttl"), 1, 3600),
        # ... and on packets that take no time
        "stale_client_timeout_ms": within(s["client_timeout"], 300, 60000) if s.get("client_timeout") else s.get("client_timeout"),
        # their authors count on a failure being remembered for five seconds
        "stale_recheck_secs": 5,
    }


def option(f, name):
    """What the head of a scenario says last of an option that is no fact."""
    said = [v for _, items in f.raw_config for k, v in items if k == name]
    return said[-1].strip() if said else None


def config(f):
    out = table(
        "[server]",
        listen=["%s:%d" % (f.listen_addr, f.listen_port)],
        threads=1,
        allow=["0.0.0.0/0", "::/0"],
        identity="" if f.hide_identity else f.identity,
        version="" if f.hide_version else f.version,
        # scenarios write a plain string as "ascii_..."
        nsid=None if f.nsid is None else
        f.nsid[6:].encode().hex() if f.nsid.startswith("ascii_") else f.nsid,
        cookie_secret=f.cookie_secret,
        any="minimal" if option(f, "deny-any") == "yes" else "full",
        # RFC 6303 zones answer locally only where a scenario asks for that; others
        # delegate test., 10.in-addr.arpa. and the like to mock servers
        locally_served_zones="local-zones" in f.needs)
    out += table(
        "[resolver]",
        ipv4=f.ip4,
        ipv6=f.ip6,
        qname_minimisation="off" if not f.qmin else "strict" if "qmin-strict" in f.needs else "relaxed",
        case_randomisation=f.case_randomization,
        query_loopback=not f.do_not_query_localhost,
        # the mock servers have addresses of all kinds
        query_private=True,
        private_addresses=f.private_address,
        private_domains=f.private_domain)
    out += table(
        "[dnssec]",
        validate=f.validation,
        # many scenarios were signed when SHA-1 still counted, and keys of 512 bits
        sha1=True,
        # the default, on, unless a scenario wants it off
        aggressive=False if option(f, "aggressive-nsec") == "no" else None,
        rsa_min_bits=512,
        trust_anchors=f.trust_anchors or None,
        negative_trust_anchors=f.domain_insecure or None)
    out += table(
        "[cache]",
        min_ttl_secs=least(f.min_ttl, f.max_ttl, 86400),
        max_ttl_secs=within(f.max_ttl, 0, 604800),
        min_negative_ttl_secs=least(f.min_neg_ttl, f.max_neg_ttl, 3600),
        max_negative_ttl_secs=within(f.max_neg_ttl, 0, 86400),
        prefetch=f.prefetch,
        # ... and on the first question in the last tenth
        prefetch_hits=1,
        **stale(f.serve_stale),
        # scenarios count in seconds
        min_delegation_ttl_secs=0)
    # scenarios are older than RFC 9276
    out += table("[limits]", nsec3_iterations=150)
    out += table("[log]", level="trace")
    for n, a in f.root_hints:
        out += table("[[root_hint]]", name=n, address=a)
    if f.dns64:
        out += table("[dns64]", prefix=f.dns64.get("prefix", "64:ff9b::/96"), ignore_aaaa=f.dns64.get("ignore_aaaa"))
    forwards = zones(f.forwards)
    for z in forwards.values():
        out += table("[[forward]]", zone=z["name"], servers=z["addrs"], fallback=z["first"])
    for z in zones(f.stubs, forwards).values():
        out += table("[[stub]]", zone=z["name"], servers=z["addrs"], prime=z["prime"], fallback=z["first"])
    return "\n".join(out)


def render(f, d):
    """Called for each scenario: `f` are the facts (class Facts in rpl.py), `d` is the
    resolver's working directory."""
    return {
        "argv": [f.binary or "rootwalk", "serve", "--config", os.path.join(d, "rootwalk.toml")],
        "files": {"rootwalk.toml": config(f)},
        "env": {"RUST_BACKTRACE": "1"},
    }
