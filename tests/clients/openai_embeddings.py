"""OpenAI's own client against /v1/embeddings."""

import math
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key=sys.argv[2], max_retries=0)

served = client.models.list().data
assert len(served) == 1, served
model = served[0].id
assert client.models.retrieve(model).id == model


def same(a, b):
    return len(a) == len(b) and all(math.isclose(x, y, abs_tol=1e-6) for x, y in zip(a, b))


# The client asks for base64 unless told otherwise, and decodes it.
one = client.embeddings.create(model=model, input="graphs for recommendation")
vector = one.data[0].embedding
assert math.isclose(sum(x * x for x in vector), 1.0, abs_tol=1e-4)
assert one.model == model and one.usage.prompt_tokens == one.usage.total_tokens > 0

floats = client.embeddings.create(model=model, input=["graphs for recommendation", "speech"], encoding_format="float")
assert [item.index for item in floats.data] == [0, 1]
assert same(vector, floats.data[0].embedding) and not same(vector, floats.data[1].embedding)

dim = len(vector)
assert len(client.embeddings.create(model=model, input="a", dimensions=dim).data[0].embedding) == dim

# Ids of the served model's tokenizer, one list and several.
tokens = client.embeddings.create(model=model, input=[[10, 11, 12], [13]])
assert len(tokens.data) == 2
alone = client.embeddings.create(model=model, input=[10, 11, 12])
assert same(alone.data[0].embedding, tokens.data[0].embedding)


def refused(error, param, **asked):
    try:
        client.embeddings.create(**{"model": model, "input": "a", **asked})
    except error as caught:
        assert caught.body["param"] == param and caught.body["message"], caught.body
        assert caught.body["type"] == "invalid_request_error", caught.body
    else:
        raise AssertionError(f"{asked} was taken")


refused(openai.BadRequestError, "input", input="")
refused(openai.BadRequestError, "input", input=[])
refused(openai.BadRequestError, "input", input=[4_000_000_000])
refused(openai.BadRequestError, "input", input=["a"] * 2049)
refused(openai.BadRequestError, "dimensions", dimensions=dim + 1)
refused(openai.NotFoundError, "model", model="text-embedding-3-small")

wrong = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="wrong", max_retries=0)
try:
    wrong.models.list()
except openai.AuthenticationError as caught:
    assert caught.code == "invalid_api_key", caught.body
else:
    raise AssertionError("a wrong key was taken")
print("done")
