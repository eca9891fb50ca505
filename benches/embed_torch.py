#!/usr/bin/env python3
"""sentence-transformers (PyTorch) on a GPU over the texts that `syntopic bench embed FILE --device cuda` embeds.

  pip install sentence-transformers
  python benches/embed_torch.py papers.jsonl --model FOLDER -n 4096 >> torch.jsonl
  syntopic bench embed papers.jsonl -n 4096 --device cuda --mode f16 --against torch.jsonl

FOLDER is the one that `syntopic models` shows, or a model's id on the hub. One JSON line for each of --dtypes, with the batch
size that was fastest among --batches, the median of --reps passes, and what the GPU held at most (gpu_mb). A pass is timed
from texts to vectors on the CPU, tokenization included, as ours is. Run it and syntopic in turn on a card that is otherwise idle.
"""
import argparse, json, os, resource, statistics, sys, time


def texts_of(path, n):
    """Title and abstract as syntopic joins them (`core::paper_text`)."""
    texts = []
    for line in open(path, encoding="utf-8"):
        if n and len(texts) >= n:
            break
        paper = json.loads(line)
        title, abstract = (str(paper.get(key) or "").strip() for key in ("title", "abstract"))
        joint = " " if title.endswith((".", "?", "!")) else ". "
        texts.append(joint.join((title, abstract)) if title and abstract else title or abstract)
    return texts


def seconds_of(model, texts, batch):
    import torch

    start = time.perf_counter()
    with torch.inference_mode():
        model.encode(texts, batch_size=batch, convert_to_tensor=True, normalize_embeddings=True,
                     show_progress_bar=False).float().cpu()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtypes", default="float16,bfloat16,float32")
    parser.add_argument("-n", type=int, default=0, help="the first so many papers; 0: all")
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batches", default="32,64,128,256,512")
    parser.add_argument("--reps", type=int, default=5)
    a = parser.parse_args()
    import torch
    from sentence_transformers import SentenceTransformer

    texts = texts_of(a.file, a.n)
    on_gpu = a.device.startswith("cuda")
    name = torch.cuda.get_device_name(a.device) if on_gpu else "cpu"
    for dtype in a.dtypes.split(","):
        load = os.getloadavg()[0]
        model = SentenceTransformer(a.model, device=a.device).to(getattr(torch, dtype))
        model.max_seq_length = a.max_tokens
        lengths = [len(ids) for ids in model.tokenizer(texts, truncation=True, max_length=a.max_tokens)["input_ids"]]
        timed = []
        for batch in map(int, a.batches.split(",")):
            try:
                seconds_of(model, texts[: 4 * batch], batch)
                timed.append((seconds_of(model, texts, batch), batch))
            except torch.cuda.OutOfMemoryError:
                print(f"{dtype}: batches of {batch} do not fit the GPU", file=sys.stderr)
        best = min(timed)[1]
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(a.device)
        seconds = statistics.median(seconds_of(model, texts, best) for _ in range(a.reps))
        line = {
            "bench": "embed", "peer": f"torch {dtype} on {name}", "n": len(texts), "max_tokens": a.max_tokens,
            "tokens_total": sum(lengths), "tokens_mean": round(sum(lengths) / len(lengths), 1), "batch": best,
            "sent_per_s": round(len(texts) / seconds, 2), "tok_per_s": round(sum(lengths) / seconds, 1),
            "wall_s": round(seconds, 4), "loadavg_before": round(load, 2),
            "gpu_mb": round(torch.cuda.max_memory_allocated(a.device) / 1e6) if on_gpu else None,
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
