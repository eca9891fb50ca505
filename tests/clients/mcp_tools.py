"""The mcp client: over the standard streams of `syntopic mcp`, and over HTTP at /mcp."""

import asyncio
import sys

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

base, key, binary, library = sys.argv[1:5]


async def check(client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert sorted(tools) == ["find_related_papers", "get_paper", "list_topics", "search_papers"], tools
    for tool in tools.values():
        assert tool.description and tool.output_schema["type"] == "object", tool
        assert tool.annotations.read_only_hint, tool

    async def call(name, **arguments):
        result = await client.call_tool(name, arguments)
        assert not result.is_error and result.content[0].text, result
        return result.structured_content

    found = (await call("search_papers", query="graph network recommends items", limit=2))["papers"]
    assert len(found) == 2 and found[0]["id"] == "c1" and found[0]["score"] >= found[1]["score"], found
    paper = await call("get_paper", id=found[0]["id"])
    assert paper["title"] == "Graphs for recommendation" and paper["abstract"], paper
    near = (await call("find_related_papers", ids=["a1"], unlike_ids=["b1"]))["papers"]
    assert "a1" not in [hit["id"] for hit in near] and near, near
    topics = (await call("list_topics"))["topics"]
    assert sum(topic["papers"] for topic in topics) == 5, topics
    inside = await call("search_papers", query="images", topic=str(topics[0]["id"]), limit=50)
    assert {hit["topic"] for hit in inside["papers"]} == {topics[0]["name"]}, inside

    for name, arguments, said in [
        ("get_paper", {"id": "a9"}, "a9"),
        ("find_related_papers", {}, "give ids"),
        ("search_papers", {"query": "a", "limit": 51}, "1 to 50"),
        ("search_papers", {"query": " "}, "empty"),
    ]:
        result = await client.call_tool(name, arguments)
        assert result.is_error and said in result.content[0].text, (name, result)


async def main():
    server = StdioServerParameters(command=binary, args=["--library", library, "mcp"])
    async with Client(server) as client:
        await check(client)
    async with create_mcp_http_client(headers={"Authorization": "Bearer " + key}) as http:
        async with Client(streamable_http_client(base + "/mcp", http_client=http)) as client:
            await check(client)


asyncio.run(main())
print("done")
