#!/usr/bin/env python3
"""Judged sets for `syntopic eval related`, from the folder that SYNTOPIC_EVAL_DATA names.

  SYNTOPIC_EVAL_DATA=FOLDER python3 benches/judged_sets.py OUT

Writes OUT/NAME.jsonl (papers), NAME.tsv (query, paper, grade) and, where the queries are no papers of the set, NAME.queries.jsonl:
  cacm, cisi  200 papers, evenly spaced among those that are cited together with five others or more; all other papers are judged, 1
              where the two are cited together, else 0.
  triplets    of each query the cited paper has grade 1 and the other 0.
  arxiv       50 papers of each of 46 categories, 230 of them queries; all others are judged, 1 in the same category. P@10 is how
              many of ten neighbours agree.
  reviews     of each systematic review at most 30 papers that it kept and 120 that it left out, evenly spaced. A query is three
              kept ones, and the others of the review are judged, 1 where they were kept.
  search      100 sessions of a search engine: a text and ten candidates, which the user's choice grades.
  cacm-queries, cisi-queries  questions in words and the papers that answer them; all others are judged 0.
The last four need `eval related --queries NAME.queries.jsonl`. Needs `zstd` for arxiv and reviews.
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
KEPT, LEFT_OUT, LIKED, SETS = 30, 120, 3, 5


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


def write_queries(out, name, queries):
    with open(out / f"{name}.queries.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(query, ensure_ascii=False) + "\n" for query in queries)


def reviews(data, out):
    of, seen = collections.defaultdict(lambda: ([], [])), set()
    for paper in zst(data / "labelled" / "systematic_reviews" / "papers.jsonl.zst"):
        text = (paper["topic"], paper.get("title"), paper.get("abstract"))
        if paper.get("title") and text not in seen:
            seen.add(text)
            of[paper["topic"]][int(paper["included"] == 0)].append(paper)
    papers, queries, judged = [], [], []
    for review in sorted(of):
        kept, left_out = evenly(of[review][0], KEPT), evenly(of[review][1], LEFT_OUT)
        papers += kept + left_out
        for at in range(min(SETS, len(kept) // (LIKED + 2))):
            liked = [paper["id"] for paper in kept[at * LIKED:(at + 1) * LIKED]]
            query = f"{review} {at + 1}"
            queries.append({"id": query, "like": liked})
            judged += [(query, paper["id"], 1) for paper in kept if paper["id"] not in liked]
            judged += [(query, paper["id"], 0) for paper in left_out]
    write(out, "reviews", papers, judged)
    write_queries(out, "reviews", queries)


def search(data, out):
    papers, queries, judged = {}, [], []
    for session in papers_of(data / "scirepeval" / "search_small.jsonl"):
        query = f"session {session['session_id']}"
        queries.append({"id": query, "text": session["query"]})
        for paper in session["candidates"]:
            papers[paper["corpus_id"]] = {**paper, "id": str(paper["corpus_id"])}
            judged.append((query, paper["corpus_id"], paper["score"]))
    write(out, "search", papers.values(), judged)
    write_queries(out, "search", queries)


def asked(data, out, name):
    papers = papers_of(data / name / "papers.jsonl")
    answers = collections.defaultdict(set)
    for row in lines(data / name / "qrels.tsv"):
        answers[row["query_id"]].add(row["paper_id"])
    ids = [str(paper["id"]) for paper in papers if paper.get("title")]
    queries = [row for row in lines(data / name / "queries.tsv") if answers[row["query_id"]]]
    judged = ((f"query {q['query_id']}", p, int(p in answers[q["query_id"]])) for q in queries for p in ids)
    write(out, f"{name}-queries", papers, judged)
    write_queries(out, f"{name}-queries", ({"id": f"query {q['query_id']}", "text": q["text"]} for q in queries))


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
    reviews(whole, out)
    search(data, out)
    asked(data, out, "cacm")
    asked(data, out, "cisi")


main()
