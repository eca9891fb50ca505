#!/usr/bin/env python3
"""Would matching the sentences of two abstracts order related papers better? What `benches/RESULTS.md` says of it.

  SYNTOPIC_EVAL_DATA=FOLDER python3 benches/judged_sets.py OUT
  python3 benches/sentence_matching.py OUT --model FOLDER_OF_ALL_MINILM_L6_V2 [--set cacm,cisi,...] [--kinds within] [--long 64,128,256]

Embeds the papers of each set (kept in OUT/NAME.KIND.npz), replicates the hybrid mode of `eval related`, takes its first 200 papers of each
query and orders them anew by (hybrid + weight * likeness of sentences). Sentence vectors are either the means of the states that a
sentence's tokens have in the forward pass of the whole paper ("within"), or those of the sentence alone ("alone"). How they are
matched and with what weight is chosen on the even queries of a set or of all sets, and reported on the odd ones.
Needs numpy, scipy and tokenizers.
"""
import argparse
import collections
import csv
import json
import os
import pathlib
import re
import sys
import warnings

import numpy as np
import scipy.sparse
import tokenizers

warnings.filterwarnings("ignore", "overflow encountered in exp")  # exp of a very negative number's opposite: then 1 / inf is right

RERANKED, MOST = 200, 16  # papers that are ordered anew; sentences of a text that are matched
FIGURE = {"arxiv": "P@10", "search": "NDCG@10"}  # the figure of a set; MAP where nothing is said
SETS = ["cacm", "cisi", "triplets", "arxiv", "search", "reviews", "cacm-queries", "cisi-queries"]
ABBREVIATIONS = set(
    "al approx ca cf ch dr e.g ed eds eq eqn eqs fig figs i.e incl mr mrs ms pp prof ref refs resp sec sect st tab viz vol vs".split())
STOP = set(
    """about above after against all also among an and any are as at be been before being below between both but by can could did do
    does done down during each few for from had has have having he here his how if in into is it its may might more most no nor not of
    off on only onto or other our out over own same shall she should so some such than that the their then there these they this those
    through to too under up us very was we were what when where which who will with within without""".split())


# The model: BERT as numpy, states of the last layer.

class Model:
    def __init__(self, folder, longest=256):
        folder = pathlib.Path(folder)
        raw = (folder / "model.safetensors").read_bytes()
        size = int.from_bytes(raw[:8], "little")
        head = json.loads(raw[8:8 + size])
        config = json.loads((folder / "config.json").read_text())
        self.w = {}
        for name, about in head.items():
            if name != "__metadata__" and about["dtype"] == "F32":
                a, b = about["data_offsets"]
                self.w[name] = np.frombuffer(raw, "<f4", (b - a) // 4, 8 + size + a).reshape(about["shape"])
        self.t = {name: np.ascontiguousarray(w.T) for name, w in self.w.items() if w.ndim == 2 and "layer" in name}
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.longest = longest

    def norm(self, x, name):
        x -= x.mean(-1, keepdims=True)
        x /= np.sqrt(np.einsum("...d,...d->...", x, x)[..., None] / x.shape[-1] + np.float32(1e-12))
        x *= self.w[name + ".weight"]
        x += self.w[name + ".bias"]
        return x

    def linear(self, x, name):
        y = x.reshape(-1, x.shape[-1]) @ self.t[name + ".weight"]
        y += self.w[name + ".bias"]
        return y.reshape(*x.shape[:-1], -1)

    def states(self, ids):
        """Of token ids (texts, n), 0 where a text has ended: (texts, n, width)."""
        mask = np.where(ids == 0, np.float32(-1e9), np.float32(0))[:, None, None, :]
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids] + self.w[e + "position_embeddings.weight"][:ids.shape[1]]
        x = self.norm(x + self.w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        b, n, d = x.shape
        for at in range(self.layers):
            l = f"encoder.layer.{at}."
            cut = lambda y: y.reshape(b, n, self.heads, -1).transpose(0, 2, 1, 3)
            q, k, v = (cut(self.linear(x, l + "attention.self." + one)) for one in ("query", "key", "value"))
            p = q @ np.ascontiguousarray(k.transpose(0, 1, 3, 2))
            p *= np.float32(1 / np.sqrt(d // self.heads))
            p += mask
            p -= p.max(-1, keepdims=True)
            np.exp(p, out=p)
            p /= p.sum(-1, keepdims=True)
            y = (p @ v).transpose(0, 2, 1, 3).reshape(b, n, d)
            x = self.norm(x + self.linear(y, l + "attention.output.dense"), l + "attention.output.LayerNorm")
            y = self.linear(x, l + "intermediate.dense")
            z = y * y  # the exact one differs by less than .0005
            z *= y
            z *= np.float32(-.0713548)
            z -= np.float32(1.5957691) * y
            np.exp(z, out=z)
            z += 1
            y /= z
            x = self.norm(x + self.linear(y, l + "output.dense"), l + "output.LayerNorm")
        return x

    def batches(self, encoded, told):
        """Calls told(place, ids, states) for every text, each a list of token ids with the marks of begin and end."""
        order, done = sorted(range(len(encoded)), key=lambda at: len(encoded[at])), 0
        while done < len(order):
            n = len(encoded[order[min(done + 7, len(order) - 1)]])
            some = order[done:done + 8]
            ids = np.zeros((len(some), n), int)
            for row, at in enumerate(some):
                ids[row, :len(encoded[at])] = encoded[at]
            for row, (at, states) in enumerate(zip(some, self.states(ids))):
                told(at, states[:len(encoded[at])])
            done += len(some)
            if done % 128 < 8:
                print(f"\r{done} of {len(order)}", end="", file=sys.stderr)
        print(file=sys.stderr)

    def alone(self, texts):
        """The unit vectors of texts, each cut at the longest."""
        encoded = [one.ids for one in self.tokenizer.encode_batch(list(texts))]
        encoded = [ids[:self.longest - 1] + ids[-1:] if len(ids) > self.longest else ids for ids in encoded]
        vectors = np.zeros((len(encoded), self.w["embeddings.LayerNorm.weight"].shape[0]), np.float32)
        self.batches(encoded, lambda at, states: vectors.__setitem__(at, states.mean(0)))
        return unit(vectors)

    def windows(self, texts, longest, known=None):
        """Of each text the vector of its first tokens, and that of all of it: windows of at most so many tokens, as even as can be,
        each run alone, and the mean of all their tokens' states. And which texts are longer than one. `known` are the first, if they are."""
        encoded, of, long = [], [], []
        for at, one in enumerate(self.tokenizer.encode_batch(list(texts))):
            first, inside, last = one.ids[:1], one.ids[1:-1], one.ids[-1:]
            n = max(-(-len(inside) // (longest - 2)), 1)
            long.append(n > 1)
            cuts = [len(inside) * i // n for i in range(n + 1)]
            if known is None:
                encoded.append(first + inside[:longest - 2] + last)
                of.append((at, None))
            for a, b in zip(cuts, cuts[1:]) if n > 1 else []:
                encoded.append(first + inside[a:b] + last)
                of.append((at, len(encoded[-1])))
        width = self.w["embeddings.LayerNorm.weight"].shape[0]
        head, pooled = np.zeros((len(long), width), np.float32), np.zeros((len(long), width), np.float32)

        def told(place, states):
            at, tokens = of[place]
            if tokens is None:
                head[at] = states.mean(0)
            else:
                pooled[at] += states.mean(0) * tokens
        self.batches(encoded, told)
        long, head = np.array(long), unit(head) if known is None else known
        pooled = unit(pooled)
        pooled[~long] = head[~long]
        return head, pooled, long

    def within(self, parts):
        """Of texts in parts (title, sentence, ...): the unit vector of the whole, and of each part that was read."""
        encoded, of = [], []
        for texts in parts:
            text, spans, at = "", [], 0
            for one in texts:
                text += (" " if text else "") + one
                spans.append((len(text) - len(one), len(text)))
            all = self.tokenizer.encode(text)
            keep = min(len(all.ids), self.longest)
            ids, where = all.ids[:keep - 1] + all.ids[-1:], all.offsets[1:keep - 1]
            encoded.append(ids)
            of.append([[t + 1 for t, (a, _) in enumerate(where) if start <= a < end] for start, end in spans])
        whole, found = [None] * len(parts), [None] * len(parts)

        def told(at, states):
            whole[at] = states.mean(0)
            found[at] = unit(np.array([states[rows].mean(0) for rows in of[at] if rows]))
        self.batches(encoded, told)
        return unit(np.array(whole)), found


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


# Texts.

def sentences(text):
    """As crates/library/src/sentences.rs, but for full-width marks."""
    found, start = [], 0
    for mark in re.finditer(r"[.!?]+[)\]\"'”’.!?]*", text):
        after = text[mark.end():]
        following = after.lstrip()[:1]
        if not following:
            continue
        if not after[:1].isspace() or not (following.isupper() or following.isdigit() or ord(following) > 127 or following in "([\"'$\\"):
            continue
        word = re.split(r"[\s(\[\"']", text[start:mark.start()])[-1]
        if mark.group()[0] == "." and (len(word) == 1 and word.isupper() or word.lower() in ABBREVIATIONS
                                       or word.lower() == "no" and following.isdigit()):
            continue
        found.append(text[start:mark.end()].strip())
        start = mark.end()
    found.append(text[start:].strip())
    return [one for one in found if any(c.isalnum() for c in one)]


def parts(paper):
    """The title, if there is one, and the sentences, joined as the library joins them."""
    title, text = (paper.get("title") or "").strip(), (paper.get("abstract") or "").strip()
    if title and text and title[-1] not in ".?!":
        title += "."
    return [title] * bool(title), sentences(text)


def terms(*weighted):
    counts = collections.Counter()
    for text, weight in weighted:
        for run in re.split(r"[\W_]+", text):
            if not 2 <= len(run.encode()) <= 64:
                continue
            word = run.lower()
            if word in STOP:
                continue
            if len(word) > 3 and word.endswith("s"):
                if word.endswith("ies") and not word.endswith(("eies", "aies")):
                    word = word[:-3] + "y"
                elif not word.endswith(("us", "ss", "is")):
                    word = word[:-1]
            counts[word] += weight
    return counts


class Lexicon:
    """As crates/library/src/lexical/lexicon.rs."""

    def __init__(self, rows):
        self.at = {}
        places = [(row, self.at.setdefault(word, len(self.at)), n) for row, all in enumerate(rows) for word, n in all.items()]
        rows_, words, counts = (np.array(x, float) for x in zip(*places))
        lengths = np.bincount(rows_.astype(int), counts, len(rows))
        self.mean = max(lengths.sum() / len(rows), 1)
        have = np.bincount(words.astype(int), minlength=len(self.at))
        self.rarity = np.log(1 + (len(rows) - have + .5) / (have + .5))
        norm = 1.2 * (.25 + .75 * lengths[rows_.astype(int)] / self.mean)
        self.often = scipy.sparse.csr_matrix((counts * 2.2 / (counts + norm), (rows_.astype(int), words.astype(int))), (len(rows), len(self.at)))

    def scores(self, query):
        known = [(self.at[word], n) for word, n in query.items() if word in self.at]
        if not known:
            return np.zeros(self.often.shape[0])
        words, counts = (np.array(x) for x in zip(*known))
        weight = np.zeros(len(self.at))
        weight[words] = self.rarity[words] * counts * 9 / (counts + 8)
        norm = 1.2 * (.25 + .75 * sum(query.values()) / self.mean)
        own = (weight[words] * counts * 2.2 / (counts + norm)).sum()
        return self.often @ weight / own


# Sets.

class Set:
    def __init__(self, folder, name, model, kinds):
        read = lambda path: [json.loads(line) for line in open(path, encoding="utf-8")]
        papers = {str(paper["id"]): paper for paper in read(folder / f"{name}.jsonl") if paper.get("title") or paper.get("abstract")}
        self.name, self.ids = name, sorted(papers, key=str.encode)
        self.papers = [papers[one] for one in self.ids]
        self.row = {one: at for at, one in enumerate(self.ids)}
        path = folder / f"{name}.queries.jsonl"
        asked = {one["id"]: one for one in read(path)} if path.exists() else {}
        self.judged = collections.defaultdict(dict)
        for row in csv.DictReader(open(folder / f"{name}.tsv"), delimiter="\t"):
            if row["query"] != row["paper"] and row["paper"] in self.row:
                self.judged[row["query"]][self.row[row["paper"]]] = float(row["grade"])
        self.judged = {q: all for q, all in sorted(self.judged.items()) if max(all.values()) >= 1}
        self.asked = {q: asked.get(q, {"like": [q]}) for q in self.judged}
        self.texts = [asked[q]["text"] for q in self.judged if "text" in asked.get(q, {})]
        self.embed(folder, name.removesuffix("-queries"), model, kinds)
        whole = [terms((p.get("title") or "", 2), (p.get("abstract") or "", 1)) for p in self.papers]
        titles = [terms((p.get("title") or "", 1)) for p in self.papers]
        self.words = list(zip(whole, titles))
        self.lexicons = Lexicon(whole), Lexicon(titles)

    def embed(self, folder, name, model, kinds):
        split = [parts(paper) for paper in self.papers]
        self.with_title = [bool(title) for title, _ in split]

        def kept(what, make):
            path = folder / f"{name}.{what}.npz"
            if not path.exists():
                np.savez(path, **make())
            return np.load(path)

        def whole():
            whole, within = model.within([title + text for title, text in split])
            titles = whole.copy()
            both = [at for at, (title, text) in enumerate(split) if title and text]
            titles[both] = model.alone([self.papers[at]["title"].strip() for at in both])
            return {"whole": whole, "titles": titles, "all": np.concatenate(within).astype("f2"), "n": [len(x) for x in within]}

        def alone():
            vectors = model.alone([one for title, text in split for one in title + text])
            return {"all": vectors.astype("f2"), "n": [len(title + text) for title, text in split]}

        all = kept("within", whole)
        self.whole, self.titles = all["whole"], all["titles"]
        self.read = self.whole
        cut = lambda all: np.split(all["all"].astype("f4"), np.cumsum(all["n"])[:-1])
        self.sentences = {"within": cut(all)}
        if "alone" in kinds:
            self.sentences["alone"] = cut(kept("alone", alone))
        self.of_text = {}
        if self.texts:
            split = [sentences(text) for text in self.texts]
            vectors, within = model.within(split)
            alone = model.alone([one for all in split for one in all])
            alone = np.split(alone, np.cumsum([len(all) for all in split])[:-1])
            self.of_text = {text: (vectors[at], within[at], alone[at]) for at, text in enumerate(self.texts)}

    def ingredients(self, query):
        """What the hybrid mode looks at, of all papers: cosine, nearness, lexical, titles; and the query's own rows."""
        asked = self.asked[query]
        if "text" in asked:
            own, vector = [], self.of_text[asked["text"]][0]
            title = vector
            words = [(terms((asked["text"], 1)),) * 2]
        else:
            own = [self.row[one] for one in asked["like"]]
            vector, title = (unit(x[own].mean(0)) for x in (self.whole, self.titles))
            words = [self.words[at] for at in own]
        lexical = np.mean([(self.lexicons[0].scores(w) + .2 * self.lexicons[1].scores(t)) / 1.2 for w, t in words], 0)
        n = len(self.ids)
        some = [at * n // min(n, 1024) for at in range(min(n, 1024))]
        half = .5 * self.whole[some].mean(0)
        papers = unit(self.whole - half)
        drawn = unit(vector - half)
        first = (papers @ drawn + 1.2 * lexical) / 2.2
        first[own] = -9
        first = np.argsort(-first, kind="stable")[:10]
        drawn = unit(drawn + .5 * papers[first].mean(0))
        return self.whole @ vector, papers @ drawn, lexical, self.titles @ title, own

    def sought(self, query, kind, titles):
        """The sentence vectors of a query."""
        asked = self.asked[query]
        if "text" in asked:
            return self.of_text[asked["text"]][1 if kind == "within" else 2]
        return np.concatenate([self.of(self.row[one], kind, titles) for one in asked["like"]])

    def of(self, row, kind, titles):
        all = self.sentences[kind][row]
        return all[int(self.with_title[row]):] if not titles and len(all) > self.with_title[row] else all


# Figures of the grades in the order of a list.

def figure(name, grades):
    right = grades >= 1
    if name == "P@10":
        return right[:10].sum() / 10
    if name == "NDCG@10":
        gain = lambda g: (g[:10] / np.log2(np.arange(2, 2 + len(g[:10])))).sum()
        return gain(grades) / gain(-np.sort(-grades))
    ranks = np.flatnonzero(right) + 1
    return (np.arange(1, 1 + len(ranks)) / ranks).mean()


# Matching: of unit vectors of a query (m, d) and padded ones of papers (papers, n, d), with which of them are there (papers, n).

def transported(s, there, pull=None, sharp=20.0, rounds=40):
    """What entropic optimal transport (Cuturi 2013) makes of likeness s (papers, m, n); rows and columns weigh the same, or, as Aspire
    does it (Mysore et al. 2022), by how near their nearest is."""
    kernel = np.exp(sharp * (s - 1)) * there[:, None, :]
    a = np.ones(s.shape[:2]) / s.shape[1]
    b = there / there.sum(1, keepdims=True)
    if pull:
        a = np.exp(pull * np.where(there[:, None], s, -1).max(2))
        a /= a.sum(1, keepdims=True)
        b = np.exp(pull * s.max(1)) * there
        b /= b.sum(1, keepdims=True)
    u = np.ones_like(a)
    for _ in range(rounds):
        v = b / np.maximum(np.einsum("pmn,pm->pn", kernel, u), 1e-12)
        u = a / np.maximum(np.einsum("pmn,pn->pm", kernel, v), 1e-12)
    return np.einsum("pm,pmn,pn,pmn->p", u, kernel, v, s)


def matched(query, papers, there):
    s = np.einsum("md,pnd->pmn", query, papers, optimize=True)
    low = np.where(there[:, None], s, -1)
    ours = low.max(2)
    theirs = np.where(there, s.max(1), 0).sum(1) / there.sum(1)
    best3 = -np.sort(-low.reshape(len(low), -1), 1)[:, :3]
    soft = np.log(np.exp(10 * low).sum((1, 2)) / (s.shape[1] * there.sum(1))) / 10
    return {
        "best pair": low.max((1, 2)),
        "three best pairs": best3.mean(1),
        "mean of the query's maxima": ours.mean(1),
        "mean of maxima, both ways": (ours.mean(1) + theirs) / 2,
        "soft maximum of all pairs": soft,
        "optimal transport": transported(s, there),
        "optimal transport, Aspire's weights": transported(s, there, 10.0),
    }


def tried(data, query):
    """The judged grades of a query, their hybrid scores, and the likeness of sentences by every way of matching."""
    cosine, near, lexical, titles, own = data.ingredients(query)
    rows = np.array([row for row in data.judged[query] if row not in own])
    rows.sort()
    grades = np.array([data.judged[query][row] for row in rows])
    hybrid = (near + 1.2 * lexical + .3 * titles) / 2.5
    plain = {"hybrid": hybrid[rows], "semantic": cosine[rows], "lexical": lexical[rows]}
    places = np.argsort(-hybrid[rows], kind="stable")[:RERANKED]
    ways = {}
    for kind in data.sentences:
        for with_titles in (True, False):
            ours = data.sought(query, kind, with_titles)[:3 * MOST]
            theirs = [data.of(row, kind, with_titles)[:MOST] for row in rows[places]]
            n = max(len(x) for x in theirs)
            there = np.array([[at < len(x) for at in range(n)] for x in theirs])
            padded = np.zeros((len(theirs), n, ours.shape[1]), np.float32)
            for at, x in enumerate(theirs):
                padded[at, :len(x)] = x
            for left_out in (0, .5):
                mean = left_out * data.means[kind]
                found = matched(unit(ours - mean), unit(padded - mean), there)
                ways |= {(kind, with_titles, left_out, how): score for how, score in found.items()}
    return grades, plain, places, ways


WEIGHTS = [0, .05, .1, .2, .3, .4, .6, .8, 1.2]


def reordered(name, one, way, weight):
    """The figure of a query where the first papers are ordered anew; hybrid and likeness are both brought to one spread, that of 1."""
    grades, plain, places, ways = one
    scores = plain["hybrid"][places] + weight * ways[way]
    order = places[np.argsort(-scores, kind="stable")]
    rest = np.argsort(-plain["hybrid"], kind="stable")[len(places):]
    return figure(name, grades[np.concatenate([order, rest])])


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder", type=pathlib.Path)
    args.add_argument("--model", required=True)
    args.add_argument("--set", default=",".join(SETS))
    args.add_argument("--long", help="lengths in tokens, as 64,128,256: compares beginnings with windows over the whole, and does nothing else")
    args.add_argument("--kinds", default="within,alone")
    args.add_argument("--json", type=pathlib.Path, help="writes every figure, (set, way, weight) to those of the queries")
    args = args.parse_args()
    model, all = Model(args.model), {}
    for name in args.set.split(","):
        data = Set(args.folder, name, model, args.kinds.split(","))
        if args.long:
            for longest in map(int, args.long.split(",")):
                long_texts(data, model, FIGURE.get(name, "MAP"), longest)
            continue
        data.means = {kind: np.concatenate(data.sentences[kind]).mean(0) for kind in data.sentences}
        by, queries = FIGURE.get(name, "MAP"), [tried(data, query) for query in data.judged]
        for mode in ("hybrid", "semantic", "lexical"):
            values = [figure(by, grades[np.argsort(-plain[mode], kind="stable")]) for grades, plain, *_ in queries]
            print(f"{name}: {len(queries)} queries, {by} {mode} {np.mean(values):.4f}")
        for way in queries[0][3]:
            for weight in WEIGHTS:
                all[name, way, weight] = np.array([reordered(by, one, way, weight) for one in queries])
    if args.long:
        return
    report(all, args.set.split(","))
    if args.json:
        args.json.write_text(json.dumps([[*key[:1], *key[1], key[2], list(value)] for key, value in all.items()]))


def long_texts(data, model, by, longest):
    """What the cosine and the hybrid mode make of a model that reads `longest` tokens: of the beginning, and of windows over the whole."""
    texts = [" ".join(title + text) for title, text in map(parts, data.papers)]
    head, pooled, long = model.windows(texts, longest, data.read if longest == model.longest else None)
    print(f"{data.name}, {longest} tokens: {long.mean():.1%} of {len(long)} papers are longer")
    for how, vectors in (("beginning", head), ("windows", pooled)):
        data.whole, values = vectors, []
        for query in data.judged:
            cosine, near, lexical, titles, own = data.ingredients(query)
            rows = np.array(sorted(set(data.judged[query]) - set(own)))
            grades = np.array([data.judged[query][row] for row in rows])
            scores = cosine, (near + 1.2 * lexical + .3 * titles) / 2.5
            values.append([figure(by, grades[np.argsort(-score[rows], kind="stable")]) for score in scores])
        print(f"  {how:10} {by}: semantic {np.mean(values, 0)[0]:.4f}, hybrid {np.mean(values, 0)[1]:.4f}")


def report(all, names):
    base = {name: next(v for (n, _, w), v in all.items() if n == name and w == 0) for name in names}
    gain = lambda name, way, weight, half: (all[name, way, weight] - base[name])[half::2].mean()
    ways = list(dict.fromkeys(way for _, way, _ in all))
    print("\nchosen for each set alone on its even queries; gain there, and on the odd ones")
    for name in names:
        best = max(((way, w) for way in ways for w in WEIGHTS), key=lambda x: gain(name, *x, 0))
        print(f"  {name:14} {gain(name, *best, 0):+.4f} {gain(name, *best, 1):+.4f}  {best}")
    print("\nchosen on the even queries of all sets by the mean gain; on the odd ones of each set")
    print(f"  {'':66} {'even':>7} {'odd':>7}  " + " ".join(f"{name[:8]:>8}" for name in names))
    rows = []
    for way in ways:
        w = max(WEIGHTS[1:], key=lambda w: np.mean([gain(name, way, w, 0) for name in names]))
        even, odd = ([gain(name, way, w, half) for name in names] for half in (0, 1))
        rows.append((np.mean(even), np.mean(odd), odd, f"{way[0]:6} {'titles' if way[1] else 'no titles':9} mean {way[2]:<3} {way[3]} x {w}"))
    for even, odd, each, label in sorted(rows, reverse=True, key=lambda row: row[0]):
        print(f"  {label:66} {even:+.4f} {odd:+.4f}  " + " ".join(f"{x:+8.4f}" for x in each))


if __name__ == "__main__":
    main()
