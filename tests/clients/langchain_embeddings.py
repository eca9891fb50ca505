"""LangChain's OpenAIEmbeddings. By default it sends tokens of OpenAI's own tokenizer, which are no tokens of this model, so
check_embedding_ctx_length is False: then it sends texts."""

import sys

import openai
from langchain_openai import OpenAIEmbeddings

base, key = sys.argv[1] + "/v1", sys.argv[2]
model = openai.OpenAI(base_url=base, api_key=key).models.list().data[0].id
embeddings = OpenAIEmbeddings(base_url=base, api_key=key, model=model, check_embedding_ctx_length=False)
rows = embeddings.embed_documents(["graphs for recommendation", "speech recognition"])
query = embeddings.embed_query("recommending with graphs")
dot = [sum(x * y for x, y in zip(query, row)) for row in rows]
assert dot[0] > dot[1], dot
print("done")
