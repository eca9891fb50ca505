"""huggingface_hub's InferenceClient against the interface of text-embeddings-inference."""

import json
import math
import sys
import urllib.error
import urllib.request

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

base, key = sys.argv[1:3]


def client(path):
    return InferenceClient(model=base + path, token=key)


rows = client("/embed").feature_extraction("graphs for recommendation")
assert rows.shape[0] == 1 and math.isclose(float((rows**2).sum()), 1.0, abs_tol=1e-4)
# At the bare address, as text-embeddings-inference takes it too.
assert (client("/").feature_extraction("graphs for recommendation") == rows).all()

near = client("/similarity").sentence_similarity(
    "recommending with graphs", other_sentences=["graphs for recommendation", "speech recognition"]
)
assert near[0] > near[1], near

try:
    client("/embed").feature_extraction("a", normalize=False)
except HfHubHTTPError as caught:
    assert caught.response.status_code == 422, caught
else:
    raise AssertionError("normalize=False was taken of a model that has unit vectors alone")


# The end of a text that is too long, where that is wanted.
long = "graphs for recommendation " * 600
begun = client("/embed").feature_extraction("speech recognition " + long, truncate=True)
ended = client("/embed").feature_extraction("speech recognition " + long, truncate=True, truncation_direction="left")
whole = client("/embed").feature_extraction("graphs for recommendation " * 512, truncate=True, truncation_direction="left")
assert begun.shape == ended.shape and (begun != ended).any()
assert math.isclose(float((ended * whole).sum()), 1.0, abs_tol=1e-3)


def post(path, body):
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


# Texts and lists of tokens may be mixed.
status, rows = post("/embed", {"inputs": ["a", [7, 8]], "truncation_direction": "Left"})
assert status == 200 and len(rows) == 2, rows
status, _ = post("/similarity", {"inputs": {"source_sentence": "a", "sentences": ["b"]}, "parameters": None})
assert status == 200

texts = ["speech recognition", "graphs for recommendation"]
status, ranks = post("/rerank", {"query": "recommending with graphs", "texts": texts, "return_text": True})
assert status == 200 and [rank["index"] for rank in ranks] == [1, 0], ranks
assert ranks[0]["text"] == texts[1] and 0 <= ranks[1]["score"] < ranks[0]["score"] <= 1, ranks
for path, body, expected, kind in [
    ("/embed", {"inputs": []}, 400, "Empty"),
    ("/embed", {"inputs": ["a"] * 513}, 413, "Validation"),
    ("/embed", {"inputs": 7}, 422, "Validation"),
    ("/embed", {"inputs": "a", "normalize": False}, 422, "Validation"),
    ("/embed", {"inputs": [4294967295]}, 422, "Tokenizer"),
    ("/embed", {"inputs": long, "truncate": False}, 413, "Validation"),
    ("/embed_sparse", {"inputs": "a"}, 424, "Backend"),
]:
    status, answer = post(path, body)
    assert status == expected and answer["error_type"] == kind and answer["error"], (path, status, answer)

with urllib.request.urlopen(base + "/metrics") as answer:
    metrics = answer.read().decode()
for name in ["te_request_count", "te_request_duration_bucket", "te_batch_next_tokens_sum", "te_queue_size"]:
    assert name in metrics, name
assert urllib.request.urlopen(base + "/health").status == 200
print("done")
