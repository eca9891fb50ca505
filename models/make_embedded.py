"""Makes a model like the one inside the binary: chooses papers, and has `syntopic distill` learn from them.

The one that is there was made before, of 33,426 papers drawn at random that were not recorded; this chooses them by a rule.

    zstd -dc scale_150k.jsonl.zst | python3 models/make_embedded.py - --leave-out labelled_dev.jsonl --work WORK [--syntopic PROGRAM]

The papers are JSON lines with `id`, `title` and `abstract`: 150,000 of the public harvest of arXiv's metadata
(doi 10.5281/zenodo.1463242). Those in a file of `--leave-out`, by id or by title, are left out. The rest is sorted by the SHA-256 of
the id: the first 35,000 are learnt from, the last 5,000 are held out for measurements and never learnt from. Into WORK go
`learn.jsonl`, `held_out.jsonl` and the folder `model`; what was chosen is printed as JSON, with the SHA-256 of the ids, so that whoever
has the same file can see that the same papers were chosen. `--choose-only` stops there. Only Python's own library is needed.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import time

LEARN, HELD_OUT = 35_000, 5_000


def papers(name):
    with sys.stdin if name == "-" else open(name, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def title(paper):
    return "".join(c for c in paper["title"].lower() if c.isalnum())


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papers")
    parser.add_argument("--leave-out", action="append", default=[], metavar="FILE")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--syntopic", default="target/release/syntopic", metavar="PROGRAM")
    parser.add_argument("--choose-only", action="store_true")
    asked = parser.parse_args()

    judged = [paper for name in asked.leave_out for paper in papers(name)]
    ids, titles = {paper["id"] for paper in judged}, {title(paper) for paper in judged}
    rest, seen = [], set()
    for paper in papers(asked.papers):
        if paper["id"] in ids or paper["id"] in seen or title(paper) in titles or not paper.get("abstract"):
            continue
        seen.add(paper["id"])
        rest.append(paper)
    if len(rest) < LEARN + HELD_OUT:
        sys.exit(f"{len(rest)} papers are left, {LEARN + HELD_OUT} are needed")
    rest.sort(key=lambda paper: digest(paper["id"]))

    asked.work.mkdir(parents=True, exist_ok=True)
    chosen = {"papers": len(rest)}
    for name, part in ("learn", rest[:LEARN]), ("held_out", rest[-HELD_OUT:]):
        with open(asked.work / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for paper in part:
                file.write(json.dumps({field: paper[field] for field in ("id", "title", "abstract")}, ensure_ascii=False) + "\n")
        chosen[name] = {"papers": len(part), "sha256_of_ids": digest("\n".join(paper["id"] for paper in part))}
    print(json.dumps(chosen), flush=True)
    if asked.choose_only:
        return
    begun = time.monotonic()
    arguments = ["--model", "all-MiniLM-L6-v2", "--out", str(asked.work / "model"), "--force"]
    subprocess.run([asked.syntopic, "distill", str(asked.work / "learn.jsonl"), *arguments], check=True)
    print(json.dumps({"distill_s": round(time.monotonic() - begun)}))


if __name__ == "__main__":
    main()
