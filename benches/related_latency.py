"""How long related papers take from a library that is open and warm, asked one at a time.

    python3 benches/related_latency.py http://127.0.0.1:7411 [--n 200]

Asks /api/related of a running `syntopic serve` with papers spread over the library, by their ids and by their abstracts as text, in each
mode, over one connection, once for each paper before the times count. Times are from the request to the last byte of the answer, so they
hold HTTP too. Prints one line of JSON for each form of query and mode: percentiles in milliseconds. Only Python's own library is needed.
"""

import argparse
import http.client
import json
import time
import urllib.parse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--n", type=int, default=200)
    asked = parser.parse_args()
    server = http.client.HTTPConnection(urllib.parse.urlsplit(asked.address).netloc, timeout=600)

    def ask(method, path, body=None):
        server.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = server.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {text[:300]}")
        return json.loads(text)

    papers = ask("GET", "/api/papers?limit=1")["total"]
    places = [at * papers // asked.n for at in range(asked.n)]
    spread = [ask("GET", f"/api/papers?offset={at}&limit=1")["papers"][0] for at in places]
    for form in ("id", "text"):
        likes = [{"id": p["id"]} if form == "id" else {"text": p.get("abstract") or p["title"]} for p in spread]
        for mode in ("hybrid", "semantic", "lexical"):
            bodies = [{"like": [like], "mode": mode} for like in likes]
            for body in bodies:
                ask("POST", "/api/related", body)
            times = []
            for body in bodies:
                begun = time.perf_counter()
                ask("POST", "/api/related", body)
                times.append(1000 * (time.perf_counter() - begun))
            times.sort()
            at = {f"p{share}_ms": round(times[len(times) * share // 100], 2) for share in (50, 90, 99)}
            print(json.dumps({"papers": papers, "asked_by": form, "mode": mode, "n": len(times), **at}), flush=True)


main()
