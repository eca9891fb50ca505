"""What the choices behind `topics` were made by: figures of labelled papers, with scikit-learn's k-means on vectors smoothed as ours.

    python3 benches/topics_choices.py VECTORS.npy PAPERS.jsonl [--labels 46,20,8] [--what k,numbers,outliers] [--strangers OTHER.npy]

VECTORS.npy: a row for each line of PAPERS.jsonl, as `syntopic bench embed PAPERS.jsonl --save VECTORS.npy` writes them; each line has `label`.

k         How well a number of topics can be chosen without labels: for numbers from 0.4 to 3 times that of the labels, V-measure and ARI
          with them, beside the figures that could choose: cosine silhouette of the vectors as smoothed 8 times, twice, once and not at
          all; modularity of the topics on the graph of neighbours; agreement of clusterings of two halves. Of each: the number it would
          choose. With --labels N,…: of papers of N labels drawn at random (seed 7), too.
numbers   V-measure and ARI by how many principal directions the smoothed vectors are reduced to, three seeds.
outliers  How well a figure of a paper tells strangers (the first 100 rows of --strangers put among the papers) from the rest, and papers that
          are not of their topic's commonest label from those that are: area under the ROC curve.

One JSON object a line. Needs numpy, scipy and scikit-learn.
"""

import argparse
import json

import numpy as np
import scipy.sparse as sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, roc_auc_score, v_measure_score

NEIGHBORS, ROUNDS, NUMBERS = 15, 8, 64


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def neighbors(rows):
    """The nearest others of each row, nearest first, `(n, NEIGHBORS)`, and their cosines."""
    near = np.empty((len(rows), NEIGHBORS), np.int64)
    cosines = np.empty((len(rows), NEIGHBORS), np.float32)
    for first in range(0, len(rows), 1024):
        some = rows[first : first + 1024] @ rows.T
        some[np.arange(len(some)), first + np.arange(len(some))] = -9
        best = np.argpartition(-some, NEIGHBORS, axis=1)[:, :NEIGHBORS]
        values = np.take_along_axis(some, best, 1)
        order = np.argsort(-values, axis=1)
        near[first : first + 1024] = np.take_along_axis(best, order, 1)
        cosines[first : first + 1024] = np.take_along_axis(values, order, 1)
    return near, cosines


def graph(near):
    n, per_row = near.shape
    one_way = sparse.csr_matrix((np.ones(n * per_row, np.float32), (np.repeat(np.arange(n), per_row), near.ravel())), (n, n))
    return one_way + one_way.T


def smooth(rows, edges, rounds):
    with_own = edges + sparse.identity(len(rows), dtype=np.float32, format="csr")
    for _ in range(rounds):
        rows = unit(with_own @ rows)
    return rows


def reduced(rows, numbers):
    if rows.shape[1] <= numbers:
        return rows
    _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    return unit((rows @ directions[:, ::-1][:, :numbers]).astype(np.float32))


def silhouette(rows, own, k):
    """Mean cosine silhouette of all rows, by the sums of the clusters."""
    sums = np.zeros((k, rows.shape[1]), np.float32)
    np.add.at(sums, own, rows)
    sizes, at = np.bincount(own, minlength=k), np.arange(len(rows))
    cosines = rows @ sums.T
    within = np.maximum(1 - (cosines[at, own] - 1) / np.maximum(sizes[own] - 1, 1), 0)
    others = np.where(sizes > 0, 1 - cosines / np.maximum(sizes, 1), 9)
    others[at, own] = 9
    nearest = np.maximum(others.min(axis=1), 0)
    each = (nearest - within) / np.maximum(np.maximum(nearest, within), 1e-6)
    each[sizes[own] < 2] = 0
    return float(each.mean())


def modularity(edges, own, k):
    degrees, pairs = np.asarray(edges.sum(axis=1)).ravel(), edges.tocoo()
    total = degrees.sum()
    inside = pairs.data[own[pairs.row] == own[pairs.col]].sum() / total
    return float(inside - ((np.bincount(own, weights=degrees, minlength=k) / total) ** 2).sum())


def with_labels(labels, own):
    return {"v_measure": round(v_measure_score(labels, own), 3), "ari": round(adjusted_rand_score(labels, own), 3)}


def tell(**what):
    print(json.dumps(what), flush=True)


def choose_k(rows, labels, edges, smoothed):
    n_labels = len(set(labels))
    least, most = max(3, round(0.4 * n_labels)), 3 * n_labels
    tried = sorted({round(least * (most / least) ** (i / 11)) for i in range(12)} | {n_labels})
    halves = np.array_split(np.random.RandomState(0).permutation(len(rows)), 2)
    small, found = reduced(smoothed, NUMBERS), []
    by_rounds = {"silhouette_8": smoothed, "silhouette_2": smooth(rows, edges, 2), "silhouette_1": smooth(rows, edges, 1), "silhouette_0": rows}
    for k in tried:
        own = KMeans(k, n_init=2, random_state=1, max_iter=60).fit(small).labels_
        parts = [KMeans(k, n_init=1, random_state=2 + i, max_iter=40).fit(small[half]).predict(small) for i, half in enumerate(halves)]
        figures = {name: round(silhouette(of, own, k), 4) for name, of in by_rounds.items()}
        figures["modularity"] = round(modularity(edges, own, k), 4)
        figures["stability"] = round(adjusted_rand_score(*parts), 3)
        found.append({"k": k, **with_labels(labels, own), **figures})
        tell(what="k", papers=len(rows), labels=n_labels, **found[-1])
    for name in figures:
        best = max(found, key=lambda one: one[name])
        tell(what="k chosen", papers=len(rows), labels=n_labels, by=name, k=best["k"], v_measure=best["v_measure"], ari=best["ari"])


def numbers(labels, smoothed):
    k = len(set(labels))
    for kept in (smoothed.shape[1], 128, 64, 32, 16):
        runs = [KMeans(k, n_init=1, random_state=seed).fit(reduced(smoothed, kept)) for seed in (1, 2, 3)]
        each = [with_labels(labels, run.labels_) for run in runs]
        mean = {name: round(float(np.mean([one[name] for one in each])), 3) for name in each[0]}
        best = min(range(3), key=lambda i: runs[i].inertia_)
        tell(what="numbers", kept=kept, mean=mean, of_least_inertia=each[best])


def outliers(rows, labels, strangers):
    rows = np.concatenate([rows, strangers])
    near, cosines = neighbors(rows)
    k, n = len(set(labels)), len(labels)
    own = KMeans(k, n_init=2, random_state=1).fit(reduced(smooth(rows, graph(near), ROUNDS), NUMBERS)).labels_
    centres = unit(np.stack([rows[own == topic].sum(axis=0) for topic in range(k)]))
    to_all = np.sort(rows @ centres.T, axis=1)
    to_own = (rows * centres[own]).sum(axis=1)
    same = (own[near] == own[:, None]).mean(axis=1)
    figures = {
        "cosine to the centre of its topic": to_own,
        "mean cosine to the 15 nearest": cosines.mean(axis=1),
        "that to the nearest centre less that to the second": to_all[:, -1] - to_all[:, -2],
        "share of the 15 nearest in its topic": same,
        "share and twice the cosine": same + 2 * to_own,
    }
    commonest = np.array([max(set(labels[own[:n] == topic]), key=list(labels[own[:n] == topic]).count) if (own[:n] == topic).any() else "" for topic in range(k)])
    other = labels != commonest[own[:n]]
    strange = np.arange(len(rows)) >= n
    for name, figure in figures.items():
        tell(what="outliers", figure=name, strangers=round(roc_auc_score(strange, -figure), 3), other_label=round(roc_auc_score(other, -figure[:n]), 3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors")
    parser.add_argument("papers")
    parser.add_argument("--what", default="k,numbers")
    parser.add_argument("--labels", default="", metavar="N,N")
    parser.add_argument("--strangers", metavar="OTHER.npy")
    asked = parser.parse_args()
    rows = unit(np.load(asked.vectors).astype(np.float32))
    with open(asked.papers, encoding="utf-8") as file:
        labels = np.array([json.loads(line)["label"] for line in file])
    if len(rows) != len(labels):
        parser.error(f"{len(rows)} vectors and {len(labels)} papers")
    kinds, what = sorted(set(labels)), asked.what.split(",")
    draws = np.random.RandomState(7)
    for n in [int(n) for n in asked.labels.split(",") if n] or [len(kinds)]:
        taken = kinds if n >= len(kinds) else sorted(draws.choice(kinds, n, replace=False))
        some = np.isin(labels, taken)
        few, own = rows[some], labels[some]
        edges = graph(neighbors(few)[0])
        smoothed = smooth(few, edges, ROUNDS)
        if "k" in what:
            choose_k(few, own, edges, smoothed)
        if "numbers" in what:
            numbers(own, smoothed)
    if "outliers" in what:
        if not asked.strangers:
            parser.error("outliers needs --strangers")
        outliers(rows, labels, unit(np.load(asked.strangers).astype(np.float32)[:100]))


if __name__ == "__main__":
    main()
