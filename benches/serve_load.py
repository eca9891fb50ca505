"""Requests a second and their times, of a server that is offered so many a second, whatever it answers.

    python3 benches/serve_load.py http://127.0.0.1:7411 --rate 90 --seconds 300 --pid $(pgrep -f 'syntopic.*serve')

Abstracts go to /v1/embeddings one a request, each at its time, whether those before are answered or not (an open loop: times are from
when a request was due). One that is refused (429) is not sent again. Another asks /health ten times a second. Prints one JSON object:
answers by status, answered requests and tokens a second, percentiles in milliseconds of what was answered and of what was refused, what
/health took, and the server's memory (RSS) at the beginning, in the middle, at the end and at most where its process is named by --pid. Capacity is what
`syntopic bench embed` says of the same file: `--rate` 1x and 4x of it, on a machine that does nothing else. Of what the client itself
uses of the processors, `client_cpu_s` tells. Only Python's own library is needed.
"""

import argparse
import asyncio
import json
import resource
import time
import urllib.parse


def percentile(values, share):
    values = sorted(values)
    return round(1000 * values[min(len(values) - 1, int(share * len(values)))], 2) if values else None


def text_of(paper):
    """The text that `bench embed` makes of a paper."""
    title, abstract = paper["title"].strip(), (paper.get("abstract") or "").strip()
    if not title or not abstract:
        return title or abstract
    return f"{title} {abstract}" if title[-1] in ".?!" else f"{title}. {abstract}"


def memory_kb(pid):
    if pid is None:
        return None
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Server:
    """Connections that are kept, of which each request has one to itself."""

    def __init__(self, host, port):
        self.host, self.port, self.free = host, port, []

    async def ask(self, request):
        """The status and the body that a request is answered with; one of the kept connections may have ended meanwhile."""
        while self.free:
            kept = self.free.pop()
            try:
                return await self.ask_on(*kept, request)
            except ConnectionError:
                continue
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise
        return await self.ask_on(*await asyncio.open_connection(self.host, self.port), request)

    async def ask_on(self, reader, writer, request):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        body = await reader.readexactly(int(length))
        if b"connection: close" in head:
            writer.close()
        else:
            self.free.append((reader, writer))
        return int(head[9:12]), body


def request(method, path, place, body=b"", key=""):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {place}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def measure(asked):
    url = urllib.parse.urlsplit(asked.base)
    place, server = url.netloc, Server(url.hostname, url.port)
    with open(asked.texts) as lines:
        papers = [json.loads(line) for line in lines]
    texts = [text_of(paper) for paper in papers]
    status, models = await server.ask(request("GET", "/v1/models", place, key=asked.key))
    assert status == 200, models
    model = json.loads(models)["data"][0]["id"]

    def embed(text):
        body = json.dumps({"model": model, "input": text, "encoding_format": "base64"}).encode()
        return request("POST", "/v1/embeddings", place, body, asked.key)

    requests = [embed(text) for text in texts]
    tokens_of = []
    for one in requests:
        status, body = await server.ask(one)
        assert status == 200, body
        tokens_of.append(json.loads(body)["usage"]["total_tokens"])

    statuses, served, refused, health, memory, failed = {}, [], [], [], [], []
    tokens = 0
    begun = time.monotonic()
    end = begun + asked.seconds

    async def send(number, due):
        nonlocal tokens
        try:
            status, _ = await server.ask(requests[number % len(requests)])
        except (OSError, asyncio.IncompleteReadError) as error:
            failed.append(repr(error))
            return
        took = time.monotonic() - due
        statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            served.append(took)
            tokens += tokens_of[number % len(requests)]
        else:
            refused.append(took)

    async def watch():
        """/health on connections of its own, as a supervisor asks it."""
        while time.monotonic() < end:
            asked_at = time.monotonic()
            status, _ = await Server(url.hostname, url.port).ask(
                request("GET", "/health", place).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
            )
            assert status == 200
            health.append(time.monotonic() - asked_at)
            if len(health) % 10 == 1:
                memory.append(memory_kb(asked.pid))
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    under_way, number = set(), 0
    while (due := begun + number / asked.rate) < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(send(number, due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        number += 1
    served_in_time, tokens_in_time = len(served), tokens
    took = time.monotonic() - begun
    await asyncio.gather(*under_way)
    await watching
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "rate": asked.rate,
        "seconds": round(took, 1),
        "offered": number,
        "statuses": statuses,
        "failed": len(failed),
        "first_failure": failed[:1],
        "requests_per_s": round(served_in_time / took, 2),
        "tokens_per_s": round(tokens_in_time / took, 1),
        "p50_ms": percentile(served, 0.5),
        "p99_ms": percentile(served, 0.99),
        "max_ms": percentile(served, 1.0),
        "refused_p50_ms": percentile(refused, 0.5),
        "refused_p99_ms": percentile(refused, 0.99),
        "health_p99_ms": percentile(health, 0.99),
        "health_max_ms": percentile(health, 1.0),
        "memory_mb": None if asked.pid is None else [round(kb / 1024, 1) for kb in (memory[0], memory[len(memory) // 2], memory[-1], max(memory))],
        "client_cpu_s": round(used.ru_utime + used.ru_stime, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--rate", type=float, required=True, help="requests a second that are offered")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--texts", help="a file of JSON lines with titles and abstracts", default="data/hf-papers.jsonl")
    parser.add_argument("--key", default="")
    parser.add_argument("--pid", type=int)
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))


main()
