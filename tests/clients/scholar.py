"""Semantic Scholar's recommendations, asked as its documentation has it."""

import json
import sys
import urllib.error
import urllib.request

base, key = sys.argv[1:3]


def ask(path, body=None):
    headers = {"x-api-key": key, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + "/recommendations/v1/papers/" + path, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


status, answer = ask("forpaper/a1")
assert status == 200 and len(answer["recommendedPapers"]) == 4, answer
assert set(answer["recommendedPapers"][0]) == {"paperId", "title"}, answer
assert ask("forpaper/DOI:10.1000/ABC?from=all-cs")[1] == answer
assert ask("forpaper/ARXIV:2103.03230")[0] == 200

fields = "title,year,authors.name,externalIds,citationCount"
status, answer = ask("?limit=2&fields=" + fields, {"positivePaperIds": ["b1"], "negativePaperIds": ["DOI:10.1000/ABC"]})
papers = answer["recommendedPapers"]
assert status == 200 and len(papers) == 2, answer
assert set(papers[0]) == {"paperId", "title", "year", "authors", "externalIds", "citationCount"}, papers
assert "a1" not in [paper["paperId"] for paper in papers], papers

for path, body, expected in [
    ("forpaper/nothing", None, 404),
    ("forpaper/a1?fields=colour", None, 400),
    ("forpaper/a1?limit=501", None, 400),
    ("", {"positivePaperIds": []}, 400),
]:
    status, answer = ask(path, body)
    assert status == expected and answer["error"], (path, status, answer)
print("done")
