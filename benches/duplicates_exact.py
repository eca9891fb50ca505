"""How many pairs of records with the same title and abstract `syntopic duplicates --json` finds, and what it finds beyond them.

python3 benches/duplicates_exact.py PAPERS.jsonl DUPLICATES.json
"""
import collections
import itertools
import json
import sys

papers = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
report = json.load(open(sys.argv[2], encoding="utf-8"))


def pairs(groups):
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}


same = collections.defaultdict(list)
for paper in papers:
    same[paper["title"], paper["abstract"]].append(paper["id"])
exact = pairs(same.values())
found = pairs([p["id"] for p in group["papers"]] for group in report["groups"])
print(f"exact pairs {len(exact)}, found {len(exact & found)}; found beyond them {len(found - exact)}")
