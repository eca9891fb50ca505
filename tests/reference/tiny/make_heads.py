#!/usr/bin/env python3
"""Writes heads/: what sentence-transformers makes of tiny/bert-cls when other modules follow the transformer.

usage: make_heads.py      (beside bert-cls/ and texts.json, which make_tiny_models.py writes)
Files: heads/2_Dense/model.safetensors       a Dense module's weights, 64 -> 16
       heads/3_Dense/model.safetensors       another's, 16 -> 8
       heads/expected.safetensors            f32 (n_texts, dim) a head, one text at a time:
         MODE                                Transformer, Pooling in that mode
         MODE+ACTIVATION                     and a Dense module with torch's activation of that name
         MODE+ACTIVATION+ACTIVATION          and another
"""
import json, os, pathlib
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np, torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Transformer, Pooling, Dense
here = pathlib.Path(__file__).parent; out = here / "heads"; out.mkdir(exist_ok=True)
texts = json.load(open(here / "texts.json"))
transformer = Transformer(str(here / "bert-cls")); transformer.max_seq_length = 128
MODES = ["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]

def dense(inputs, outputs, name, seed):
    torch.manual_seed(seed)
    module = Dense(inputs, outputs, activation_function=getattr(torch.nn, name)())
    torch.nn.init.normal_(module.linear.weight, std=0.2); torch.nn.init.normal_(module.linear.bias, std=0.2)
    return module
def run(*after):
    model = SentenceTransformer(modules=[transformer, *after], device="cpu")
    return np.stack([model.encode([t], batch_size=1, show_progress_bar=False)[0] for t in texts]).astype(np.float32)

expected = {mode: run(Pooling(64, pooling_mode=mode)) for mode in MODES}
for name in ["Identity", "Tanh", "Sigmoid", "ReLU", "GELU", "SiLU"]:
    expected[f"mean_sqrt_len_tokens+{name}"] = run(Pooling(64, pooling_mode="mean_sqrt_len_tokens"), dense(64, 16, name, 1))
expected["max+Tanh+Identity"] = run(Pooling(64, pooling_mode="max"), dense(64, 16, "Tanh", 1), dense(16, 8, "Identity", 2))
assert all(np.isfinite(v).all() for v in expected.values())
save_file(expected, out / "expected.safetensors")
for folder, module in [("2_Dense", dense(64, 16, "Tanh", 1)), ("3_Dense", dense(16, 8, "Identity", 2))]:
    (out / folder).mkdir(exist_ok=True)
    save_file({k: v.numpy() for k, v in module.state_dict().items()}, out / folder / "model.safetensors")
print({k: v.shape for k, v in expected.items()})
