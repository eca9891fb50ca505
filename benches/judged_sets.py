#!/usr/bin/env python3
"""Judged sets for `syntopic eval related`, from the folder that SYNTOPIC_EVAL_DATA names.

  SYNTOPIC_EVAL_DATA=FOLDER python3 benches/judged_sets.py OUT

Writes OUT/NAME.jsonl (papers) and NAME.tsv (query, paper, grade):
  cacm, cisi  200 papers, evenly spaced among those that are cited together with five others or more; all other papers are judged, 1
              where the two are cited together, else 0.
  triplets    of each query the cited paper has grade 1 and the other 0.
  arxiv       50 papers of each of 46 categories, 230 of them queries; all others are judged, 1 in the same category. P@10 is how
              many of ten neighbours agree.
Needs `zstd` for arxiv.
"""
import collections
import csv
import json
import os
import pathlib
import subprocess
import sys

QUERIES = 200
LEAST = 5


def lines(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write(out, name, papers, judged):
    with open(out / f"{name}.jsonl", "w", encoding="utf-8") as file:
        for paper in papers:
            kept = {key: paper[key] for key in ("id", "title", "abstract") if paper.get(key)}
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")
    with open(out / f"{name}.tsv", "w", encoding="utf-8") as file:
        file.write("query\tpaper\tgrade\n")
        file.writelines(f"{query}\t{paper}\t{grade}\n" for query, paper, grade in judged)


def papers_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def co_cited(data, out, name, pairs):
    papers = papers_of(data / name / "papers.jsonl")
    ids = [str(paper["id"]) for paper in papers if paper.get("title")]
    known, others = set(ids), collections.defaultdict(set)
    for one, other in pairs:
        if one != other and one in known and other in known:
            others[one].add(other)
            others[other].add(one)
    able = [one for one in ids if len(others[one]) >= LEAST]
    queries = [able[at * len(able) // QUERIES] for at in range(min(QUERIES, len(able)))]
    judged = ((q, p, int(p in others[q])) for q in queries for p in ids if p != q)
    write(out, name, papers, judged)


def zst(path):
    text = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return [json.loads(line) for line in text.splitlines()]


def evenly(items, n):
    return [items[at * len(items) // n] for at in range(n)] if len(items) > n else items


def arxiv(data, out):
    of = collections.defaultdict(list)
    for paper in zst(data / "arxiv" / "labelled_dev.jsonl.zst"):
        of[paper["label"]].append(paper)
    kept = [paper for label in sorted(of) for paper in evenly(of[label], 50)]
    judged = ((q["id"], p["id"], int(p["label"] == q["label"])) for q in kept[::10] for p in kept if p is not q)
    write(out, "arxiv", kept, judged)


def main():
    whole = pathlib.Path(os.environ["SYNTOPIC_EVAL_DATA"])
    data = whole / "retrieval"
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    links = lines(data / "cacm" / "links.tsv")
    pairs = [(row["paper_id"], row["other_id"]) for row in links if row["kind"] == "co_citation"]
    co_cited(data, out, "cacm", pairs)
    pairs = [(row["paper_id"], row["other_id"]) for row in lines(data / "cisi" / "cocitations.tsv")]
    co_cited(data, out, "cisi", pairs)
    triplets = lines(data / "scirepeval" / "citation_triplets.tsv")
    judged = [(row["query_id"], row[kind], grade) for row in triplets for kind, grade in (("cited_id", 1), ("negative_id", 0))]
    write(out, "triplets", papers_of(data / "scirepeval" / "citation_papers.jsonl"), judged)
    arxiv(whole, out)


main()
