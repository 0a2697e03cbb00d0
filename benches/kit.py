#!/usr/bin/env python3
"""Runs the resolver benchmark kit against this resolver and prints what docs/performance.md promises.

  benches/kit.py [--kit ../shared/bench] [--reps 5] [--out FILE] [--only hot,cold,...] [--peers unbound,kresd,bind,pdns]
  benches/kit.py --table FILE...     medians of what was measured before, nothing is run

Needs root, two processors, the kit, its peers, and a release build (ROOTWALK names the program; target/release otherwise).
What the kit lacks is added here: many names through a small cache, two workers, overload, 20 ms on the signed world, the
tail that an echo has at 1,000 questions a second.
"""

import argparse, glob, importlib.util, json, os, re, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def options():
    ap = argparse.ArgumentParser()
    ap.add_argument("--kit", default=os.path.join(HERE, "../../shared/bench"))
    ap.add_argument("--reps", type=int, default=5)
    ap.add_argument("--peers", default="unbound,kresd,bind,pdns")
    ap.add_argument("--out", default="/tmp/bench-results/rootwalk.jsonl")
    ap.add_argument(
        "--only",
        default="hot,zipf,tcp-hot,dot-hot,mem,cold,floor,startup,rtt20,loss10,loss30,hot2,names,overload-near,overload,cold-dnssec,rtt20-dnssec",
    )
    ap.add_argument("--table", nargs="+", metavar="FILE", help="print the medians of these files and run nothing")
    a = ap.parse_args()
    a.kit = os.path.abspath(a.kit)
    return a


def kit(path):
    sys.path.insert(0, path)
    spec = importlib.util.spec_from_file_location("bench", path + "/bench.py")
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    return m


def lapsing(world):
    """A copy of the unsigned world whose referrals may be used once (TTL 0), and whose zones have every name: however
    many names are asked for, each needs two servers."""
    have, want = world + "/unsigned", world + "/lapsing"
    if os.path.isdir(want):
        return
    made = want + ".new"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(have, made, ignore=shutil.ignore_patterns("run"))
    for level in ("root", "tld", "sld"):
        os.makedirs(f"{made}/run/{level}")
        edit(f"{made}/{level}.conf", lambda text: text.replace(have, want))
    for tld in ("com", "net", "org", "io"):
        edit(f"{made}/{tld}.zone", lambda text: re.sub(r"(?m)^(d\d+\.\S+) \d+ NS", r"\1 0 NS", text))
    for path in glob.glob(made + "/z/*/*.zone"):
        edit(path, lambda text: f"{text}*.{text.split()[0]} 3600 A 192.0.2.1\n")
    os.rename(made, want)


def edit(path, change):
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(change(text))


def extra(K):
    """The scenarios that the kit lacks."""

    class Extra(K.Bench):
        def names_file(s, first, count, zones=None):
            f = tempfile.NamedTemporaryFile("w", dir=s.a.run, suffix=".txt", delete=False)
            zones = zones or sorted({l.split()[0].split(".", 1)[1] for l in open(s.a.world + "/q/mem.txt")})
            f.writelines(f"z{n:08d}.{zones[n % len(zones)]} A\n" for n in range(first, first + count))
            f.close()
            return f.name

        def file(s, res, path, *opts):
            return s.gen(
                res,
                [s.a.bin + "/rwload", "-s", "127.0.0.1", "-p", str(s.a.port), "-d", path, *map(str, opts)],
                json.loads,
            )

        def sc_names(s, peer, rep):
            """10 million distinct names through the cache of that the config file gives (256 MiB here)."""
            r = s.start(peer)
            s.load(r, "warm", "-q", 20, "-t", 3000, "-r", 1)
            rows = []
            for part in range(10):
                p = s.names_file(part * 1000000, 1000000)
                x = s.file(r, p, "-q", s.a.window, "-t", 10000)
                os.unlink(p)
                rows.append(x)
                print(
                    "   names %2d M: %.2f us/q, %.0f q/s, resident %d MiB"
                    % (part + 1, x["cpu_us"], x["qps"], x["mem_kib"] // 1024),
                    flush=True,
                )
            last = rows[-1]
            last["first_cpu_us"] = rows[0]["cpu_us"]
            last["resident_mib"] = max(x["mem_kib"] for x in rows) / 1024
            last["throughput_kept"] = rows[0]["cpu_us"] / last["cpu_us"]
            s.rec(peer, "names", rep, last)
            r.stop()

        def sc_overload(s, peer, rep):
            """Twice what `cold` can, for 20 s: two servers have to be asked for each name."""
            W = K.W
            lapsing(s.a.world)
            W.up(argparse.Namespace(world=s.a.world, variant="lapsing", auth_cpu=s.a.gen_cpu))
            zones = {l.split()[0].removeprefix("www.").removeprefix("mail.") for l in open(s.a.world + "/q/cold.txt")}
            os.environ["DELEGATION_SECS"] = "0"
            try:
                s.overload(peer, rep, "overload", sorted(zones))
            finally:
                del os.environ["DELEGATION_SECS"]

        def sc_overload_near(s, peer, rep):
            """The same where one server has to be asked, whose address is known."""
            s.overload(peer, rep, "overload-near", None)

        def overload(s, peer, rep, sc, zones):
            """Twice the capacity of misses for 20 s; cached names are asked all the while. The flood fills the cache, and a
            full one is slower: what is answered is held against the mean of the capacity before and after."""
            r = s.start(peer)
            s.load(r, "warm", "-q", 20, "-t", 3000, "-r", 1)
            s.load(r, "hot", "-q", 20, "-t", 2000, "-r", 2)

            def measured(first):
                p = s.names_file(first, 400000, zones)
                x = s.file(r, p, "-q", s.a.window, "-t", 10000)
                os.unlink(p)
                return x["qps"], x["up_total"]

            capacity, up = measured(20000000)
            p = s.names_file(30000000, int(capacity * 42), zones)
            base = [s.a.bin + "/rwload", "-s", "127.0.0.1", "-p", str(s.a.port)]
            # The flood stands back behind the authoritative servers on its processor: without them nothing can be answered.
            flood = subprocess.Popen(
                ["taskset", "-c", s.a.gen_cpu, "nice", "-n", "15"]
                + base
                + ["-d", p, "-Q", str(int(capacity * 2)), "-l", "20", "-t", "5000"],
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            K.W.autogroup(flood.pid, 19)
            time.sleep(1)
            cpu = r.cg.cpu()[2]
            hits = s.load(r, "hot", "-L", "-l", 18, "-Q", 1000, "-t", 2000)
            cpu = (r.cg.cpu()[2] - cpu) / hits["elapsed"]
            x = json.loads(flood.communicate()[0])
            x["mem_kib"] = hits["mem_kib"]
            os.unlink(p)
            time.sleep(2)
            after = s.load(r, "cold-small", "-Q", 1000, "-n", 2000, "-t", 5000)
            offered, capacity = x["sent"] / 20, (capacity + measured(21000000)[0]) / 2
            x.update(
                capacity=capacity,
                up_total=up,
                cpu_load=cpu,
                offered=offered,
                answered_share=x["answered"] / 20 / capacity,
                hits_p99_us=hits["p99_us"],
                hits_lost=hits["lost"],
                after_p99_us=after["p99_us"],
                after_lost=after["lost"],
            )
            print(
                "   %s: capacity %.0f at %.2f queries upstream, offered %.0f, answered %.2f of it at %.2f of a core, hits p99 %.1f ms lost %d, 2 s later p99 %.1f ms lost %d, resident %d MiB"
                % (
                    sc,
                    capacity,
                    up,
                    x["offered"],
                    x["answered_share"],
                    cpu,
                    x["hits_p99_us"] / 1e3,
                    x["hits_lost"],
                    x["after_p99_us"] / 1e3,
                    x["after_lost"],
                    x["mem_kib"] // 1024,
                ),
                flush=True,
            )
            s.rec(peer, sc, rep, x)
            r.stop()

        def sc_rtt20_dnssec(s, peer, rep):
            start = s.start
            s.start = lambda p, **k: start(p, dnssec=True)
            try:
                s.lossrun(peer, rep, "rtt20-dnssec", 0, 10)
            finally:
                s.start = start

        def sc_floor(s, peer, rep):
            """1,000 questions a second to somebody who only sends packets back: what the machine itself adds to the tail."""
            r = s.start(peer)
            s.rec(peer, "floor", rep, s.load(r, "cold-small", "-Q", 1000, "-t", 10000))
            r.stop()

        def sc_hot1(s, peer, rep):
            s.hotrun(peer, rep, "hot1", 1, s.a.both)

    return Extra


def inside(o, K):
    a = K.args(["--kit-inside"][1:] + ["--out", o.out, "--scenarios", "x"])
    os.sched_setaffinity(0, {int(a.gen_cpu)})
    os.makedirs(a.run, exist_ok=True)
    K.W.autogroup(os.getpid())
    a.peers, a.peer_dir = o.peers, [HERE + "/peer"]
    others = K.peers(a)
    echo = K.peers(argparse.Namespace(peers="echo-single", peer_dir=[]))
    ours = others[-1:]
    b = extra(K)(a)
    small = [dict(ours[0], files={"rootwalk.toml": "small.toml.in"})]
    who = {
        "hot": others + echo,
        "startup": others,
        "names": small,
        "overload": ours,
        "overload-near": ours,
        "hot2": ours + echo,
        "floor": echo,
        "rtt20-dnssec": others,
    }
    for sc in o.only.split(","):
        W = K.W
        W.up(argparse.Namespace(world=a.world, variant="signed" if "dnssec" in sc else "unsigned", auth_cpu=a.gen_cpu))
        for rep in range(1 if sc in ("names", "overload", "overload-near") else o.reps):
            for p in who.get(sc, others):
                need = {"tcp-hot": "tcp", "dot-hot": "dot", "cold-dnssec": "dnssec", "rtt20-dnssec": "dnssec"}.get(sc)
                if need and need not in p["features"]:
                    continue
                try:
                    getattr(b, "sc_" + sc.replace("-", "_"))(p, rep)
                    if sc == "hot2":
                        b.sc_hot1(p, rep)
                except Exception as e:
                    print(f"{p['name']} {sc} #{rep} FAILED: {e!r}", flush=True)


def table(*outs):
    """Medians of all runs in the files, ours beside the others."""
    by = {}
    for l in (l for out in outs for l in open(out)):
        r = json.loads(l)
        by.setdefault(r["scenario"], {}).setdefault(r["peer"], []).append(r)
    m = lambda rs, k: (
        statistics.median(x[k] for x in rs if x.get(k) is not None) if any(x.get(k) is not None for x in rs) else None
    )
    keys = [
        "cpu_us",
        "up_total",
        "rss_per_entry",
        "p50_us",
        "p99_us",
        "startup_ms",
        "foreign_load",
        "answered_share",
        "hits_p99_us",
        "throughput_kept",
        "resident_mib",
    ]
    for sc, peers in by.items():
        print(f"\n{sc}")
        for p, rs in peers.items():
            print(
                "  %-12s %d runs  " % (p, len(rs))
                + "  ".join("%s %.2f" % (k, v) for k in keys if (v := m(rs, k)) is not None)
            )


def main():
    o = options()
    if o.table:
        return table(*o.table)
    K = kit(o.kit)
    a = K.args(["--scenarios", "x"])
    target = os.path.join(HERE, "..", os.environ.get("CARGO_TARGET_DIR", "target"))
    os.environ.setdefault("ROOTWALK", os.path.abspath(target + "/release/rootwalk"))
    if os.environ.get("RW_IN_NS") == "1":
        return inside(o, K)
    if not os.path.isdir(a.world):
        subprocess.run([sys.executable, o.kit + "/gen_zones.py"], check=True)
    K.build(a.bin)
    K.W.up(argparse.Namespace(world=a.world, variant="unsigned", auth_cpu=a.gen_cpu))
    if os.path.exists(o.out):
        os.rename(o.out, o.out + time.strftime(".%H%M%S"))
    subprocess.run(
        ["nsenter", "--net=/run/netns/rwc", sys.executable, os.path.abspath(__file__)] + sys.argv[1:],
        env=dict(os.environ, RW_IN_NS="1"),
        check=True,
    )
    table(o.out)


if __name__ == "__main__":
    main()
