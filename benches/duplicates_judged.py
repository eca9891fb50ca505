#!/usr/bin/env python3
"""How right the rule of texts of `syntopic duplicates` is where identifiers say which records are one paper.

  python3 benches/duplicates_judged.py hide HIDDEN FILE.jsonl...
  syntopic --library L add HIDDEN.jsonl --no-embed && syntopic --library L duplicates --json > D.json
  python3 benches/duplicates_judged.py judge HIDDEN D.json

`hide` writes the records (lines of JSON with id, title, abstract and doi) to HIDDEN.jsonl with numbers for ids and without their DOIs, so
that nothing but title, abstract, authors and year is compared, and the identifiers to HIDDEN.tsv. `judge` holds every pair that was found
against them: two records are one paper where arXiv id (without version) or DOI are the same, and two papers where both have a DOI and
the DOIs differ; of other pairs nobody knows, and their titles are shown.
"""
import collections
import csv
import itertools
import json
import re
import sys


def hide(out, files):
    with open(out + ".jsonl", "w", encoding="utf-8") as papers, open(out + ".tsv", "w", encoding="utf-8") as keys:
        n = 0
        for file in files:
            for line in open(file, encoding="utf-8"):
                record = json.loads(line)
                n += 1
                keys.write(f"p{n}\t{re.sub('v[0-9]+$', '', str(record['id']))}\t{(record.get('doi') or '').strip().lower()}\n")
                kept = {key: record[key] for key in ("title", "abstract", "authors", "year") if record.get(key)}
                papers.write(json.dumps({"id": f"p{n}", **kept}, ensure_ascii=False) + "\n")


def judge(out, found):
    papers = {paper["id"]: paper for paper in map(json.loads, open(out + ".jsonl", encoding="utf-8"))}
    keys = {number: (arxiv, doi) for number, arxiv, doi in csv.reader(open(out + ".tsv", encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)}
    same = collections.defaultdict(set)
    for number, (arxiv, doi) in keys.items():
        same["arXiv", arxiv].add(number)
        if doi:
            same["DOI", doi].add(number)
    pairs = lambda groups: {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}
    groups = json.load(open(found, encoding="utf-8"))["groups"]
    found = pairs([paper["id"] for paper in group["papers"]] for group in groups)
    for kind in ("arXiv", "DOI"):
        true = pairs(group for (what, _), group in same.items() if what == kind)
        if kind == "DOI":
            true = {(a, b) for a, b in true if keys[a][0] != keys[b][0]}
        print(f"the same {kind}{' under another arXiv id' * (kind == 'DOI')}: {len(true)} pairs, found {len(true & found)}")
    exact = {(a, b) for a, b in found if papers[a].get("title") == papers[b].get("title") and papers[a].get("abstract") == papers[b].get("abstract")}
    verdicts = collections.defaultdict(list)
    for a, b in sorted(found):
        (arxiv_a, doi_a), (arxiv_b, doi_b) = keys[a], keys[b]
        one = arxiv_a == arxiv_b or doi_a and doi_a == doi_b
        verdicts["one paper" if one else "two DOIs" if doi_a and doi_b else "nobody knows"].append((a, b))
    print(f"found {len(found)} pairs, {len(exact)} of the same title and abstract")
    for verdict, those in verdicts.items():
        print(f"  {verdict}: {len(those)}, {len([pair for pair in those if pair in exact])} of the same title and abstract")
    for verdict in ("two DOIs", "nobody knows"):
        for a, b in verdicts[verdict]:
            texts = [len(papers[one].get("abstract") or "") for one in (a, b)]
            print(f"  {verdict}: {' '.join('|'.join(keys[one]) for one in (a, b))} {texts}\n    {papers[a]['title']}\n    {papers[b]['title']}")


if sys.argv[1] == "hide":
    hide(sys.argv[2], sys.argv[3:])
else:
    judge(sys.argv[2], sys.argv[3])
