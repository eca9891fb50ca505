"""A peer for `serve_load.py`: ONNX Runtime behind a minimal server, with OpenAI's /v1/embeddings, /v1/models and /health.

    PYTHON benches/serve_onnx.py --model FOLDER --onnx model.onnx --port 7412 --threads 2

FOLDER is a sentence-transformers model with tokenizer.json (mean pooling); --onnx its export. Requests are run together, as many as wait
and fit in --batch-tokens; where more than --most wait, one is refused with 429. Needs onnxruntime, tokenizers and numpy. It is for
measuring alone: no key, no limits of size, no time-outs.
"""

import argparse
import asyncio
import base64
import json
import queue
import threading

import numpy
import onnxruntime
from tokenizers import Tokenizer


class Model:
    def __init__(self, asked):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = asked.threads, 1
        self.session = onnxruntime.InferenceSession(asked.onnx, options, providers=["CPUExecutionProvider"])
        self.names = [one.name for one in self.session.get_inputs()]
        self.tokenizer = Tokenizer.from_file(f"{asked.model}/tokenizer.json")
        self.tokenizer.enable_truncation(asked.max_tokens)
        self.tokenizer.no_padding()

    def embed(self, encodings):
        """Unit vectors by the mean of the tokens', padded to the longest."""
        longest = max(len(one.ids) for one in encodings)
        ids = numpy.zeros((len(encodings), longest), numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, one in enumerate(encodings):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        hidden = self.session.run(None, {name: inputs[name] for name in self.names})[0]
        if hidden.ndim == 3:
            weights = mask[:, :, None].astype(numpy.float32)
            hidden = (hidden * weights).sum(1) / weights.sum(1)
        return (hidden / numpy.linalg.norm(hidden, axis=1, keepdims=True)).astype("<f4")


def run(model, waiting, loop, budget):
    """The thread that runs the model: of what waits, as much at once as the budget lets through."""
    held = None
    while True:
        first = held or waiting.get()
        batch, longest, held = [first], len(first[0].ids), None
        while True:
            try:
                following = waiting.get_nowait()
            except queue.Empty:
                break
            longest = max(longest, len(following[0].ids))
            if longest * (len(batch) + 1) > budget:
                held = following
                break
            batch.append(following)
        rows = model.embed([encoding for encoding, _ in batch])
        for (_, future), row in zip(batch, rows):
            loop.call_soon_threadsafe(future.set_result, row)


def answer(status, body, more=""):
    reason = {200: "OK", 404: "Not Found", 429: "Too Many Requests"}[status]
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--port", type=int, default=7412)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--most", type=int, default=64)
    asked = parser.parse_args()
    model, waiting, loop = Model(asked), queue.Queue(), asyncio.get_running_loop()
    threading.Thread(target=run, args=(model, waiting, loop, asked.batch_tokens), daemon=True).start()

    async def embeddings(body):
        given = json.loads(body)["input"]
        texts = [given] if isinstance(given, str) else given
        if waiting.qsize() >= asked.most:
            return answer(429, b"{}", "Retry-After: 1\r\n")
        encodings = [model.tokenizer.encode(text) for text in texts]
        futures = [loop.create_future() for _ in texts]
        for pair in zip(encodings, futures):
            waiting.put(pair)
        rows = await asyncio.gather(*futures)
        data = [{"object": "embedding", "index": at, "embedding": base64.b64encode(row.tobytes()).decode()} for at, row in enumerate(rows)]
        n = sum(len(one.ids) for one in encodings)
        usage = {"prompt_tokens": n, "total_tokens": n}
        return answer(200, json.dumps({"object": "list", "data": data, "model": "onnx", "usage": usage}).encode())

    async def serve(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = await reader.readexactly(int(lengths[0]) if lengths else 0)
                if path == "/v1/embeddings" and method == "POST":
                    writer.write(await embeddings(body))
                elif path == "/v1/models":
                    writer.write(answer(200, b'{"data": [{"id": "onnx"}]}'))
                elif path == "/health":
                    writer.write(answer(200, b"ok\n"))
                else:
                    writer.write(answer(404, b"{}"))
                await writer.drain()
                if "connection: close" in head.lower():
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", asked.port)
    print(f"http://127.0.0.1:{asked.port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
