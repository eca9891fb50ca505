#!/usr/bin/env python3
"""Writes checkpoints of the usual size with random weights, one an architecture, out of those in tests/reference/tiny: how fast an
encoder is does not depend on its weights. Their vocabulary is the tiny ones', so that texts have more tokens than with a real
model: compare tokens a second, not texts.

usage: large_models.py OUT    (needs transformers 5 and torch; some 350 MB a model)
then:  syntopic bench embed papers.jsonl -n 16 --repeat 1 --threads 2 --mode stock,f32,int16 --model OUT/bert-cls,OUT/nomic-bert-mean,...
"""
import json, os, pathlib, shutil, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoConfig, AutoModel
tiny = pathlib.Path(__file__).parent.parent / "tests" / "reference" / "tiny"
out = pathlib.Path(sys.argv[1])
BASE = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, max_position_embeddings=514)
SIZES = {
    "bert-cls": BASE, "mpnet-mean": BASE, "xlm-roberta-mean": BASE, "nomic-bert-mean": dict(BASE, head_dim=64),
    "distilbert-mean": dict(dim=768, n_layers=6, n_heads=12, hidden_dim=3072, max_position_embeddings=514),
    # ModernBERT-base and Qwen3-Embedding-0.6B.
    "modernbert-cls": dict(BASE, num_hidden_layers=22, intermediate_size=1152, local_attention=128, layer_types=None),
    "qwen3-lasttoken": dict(hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8, head_dim=128,
                            intermediate_size=3072, layer_types=None),
}
for name, sizes in SIZES.items():
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True); shutil.copytree(tiny / name, folder)
    config = json.load(open(folder / "config.json")); config.update(sizes)
    config = {key: value for key, value in config.items() if value is not None}
    json.dump(config, open(folder / "config.json", "w"))
    torch.manual_seed(1)
    model = AutoModel.from_config(AutoConfig.from_pretrained(folder)).eval()
    (folder / "model.safetensors").unlink(); model.save_pretrained(folder)
    pooling = json.load(open(folder / "1_Pooling" / "config.json")); pooling["embedding_dimension"] = model.config.hidden_size
    json.dump(pooling, open(folder / "1_Pooling" / "config.json", "w"))
    tokenizer = json.load(open(folder / "tokenizer_config.json")); tokenizer["model_max_length"] = 256
    json.dump(tokenizer, open(folder / "tokenizer_config.json", "w"))
    (folder / "expected.safetensors").unlink()
    print(name, sum(p.numel() for p in model.parameters()) // 10**6, "million parameters", flush=True)
