"""Requests a second and their times, of a server that runs, beside what the model itself does.

    python3 benches/serve_load.py http://127.0.0.1:7411 --clients 8 --seconds 300

Each client sends one abstract after the other to /v1/embeddings and follows Retry-After; another asks /health ten times a second.
Prints one JSON object: answers and refusals, requests and tokens a second, percentiles in milliseconds, what /health took, and the
server's memory at the beginning and the end where its process is named with --pid. Capacity is what `syntopic bench embed` says:
choose --clients so that 1x and 4x of it are asked for (--clients times what one does alone), on a machine that does nothing else.
Only Python's own library is needed.
"""

import argparse
import http.client
import json
import threading
import time
import urllib.parse


def percentile(values, share):
    values = sorted(values)
    return round(1000 * values[min(len(values) - 1, int(share * len(values)))], 2) if values else None


def memory_kb(pid):
    if pid is None:
        return None
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--texts", help="a file of JSON lines with abstracts", default="data/hf-papers.jsonl")
    parser.add_argument("--key", default="")
    parser.add_argument("--pid", type=int)
    asked = parser.parse_args()
    place = urllib.parse.urlsplit(asked.base).netloc
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + asked.key}
    with open(asked.texts) as lines:
        papers = [json.loads(line) for line in lines]
    texts = [f"{paper['title']}. {paper.get('abstract', '')}" for paper in papers]

    connection = http.client.HTTPConnection(place, timeout=30)
    connection.request("GET", "/v1/models", headers=headers)
    model = json.load(connection.getresponse())["data"][0]["id"]
    before, end = memory_kb(asked.pid), time.monotonic() + asked.seconds
    lock, times, health, statuses, tokens = threading.Lock(), [], [], {}, 0

    def client(number):
        nonlocal tokens
        connection = http.client.HTTPConnection(place, timeout=400)
        at = number
        while time.monotonic() < end:
            body = json.dumps({"model": model, "input": texts[at % len(texts)]})
            begun = time.monotonic()
            connection.request("POST", "/v1/embeddings", body, headers)
            answer = connection.getresponse()
            content, status = answer.read(), answer.status
            took, at = time.monotonic() - begun, at + asked.clients
            with lock:
                statuses[status] = statuses.get(status, 0) + 1
                if status == 200:
                    times.append(took)
                    tokens += json.loads(content)["usage"]["total_tokens"]
            if status == 429:
                time.sleep(float(answer.headers["Retry-After"]))

    def watch():
        while time.monotonic() < end:
            begun = time.monotonic()
            connection = http.client.HTTPConnection(place, timeout=30)
            connection.request("GET", "/health")
            assert connection.getresponse().read() == b"ok\n"
            health.append(time.monotonic() - begun)
            connection.close()
            time.sleep(0.1)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(asked.clients)]
    threads.append(threading.Thread(target=watch))
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    print(
        json.dumps(
            {
                "clients": asked.clients,
                "seconds": round(took, 1),
                "statuses": statuses,
                "requests_per_s": round(len(times) / took, 2),
                "tokens_per_s": round(tokens / took, 1),
                "p50_ms": percentile(times, 0.5),
                "p99_ms": percentile(times, 0.99),
                "health_p99_ms": percentile(health, 0.99),
                "health_max_ms": percentile(health, 1.0),
                "memory_kb": [before, memory_kb(asked.pid)],
            }
        )
    )


main()
