#!/usr/bin/env python3
"""Writes beside itself what the checkpoints of ../tiny/ do not cover. Texts and tokenizer are those of ../tiny/bert-cls.

usage: make_own.py poolings    concatenated poolings, and poolings without the prompt (sentence-transformers)
       make_own.py jina        a small JinaBERT with random weights, saved by torch.save
       make_own.py adapter     a bottleneck adapter for ../tiny/bert-cls, made and run by the adapters library (1.3.0, which
                               wants transformers 4.57)
       make_own.py model2vec  a static model of ../tiny/bert-cls, distilled, written and run by model2vec (0.10)
Files: poolings.safetensors            f32 (n_texts, dim) a case: MODES joined by +, and `prompt:MODE`, where the first 40
                                       characters of bert-cls's query prompt come before each text and take no part in the pooling
       jina/pytorch_model.bin, config.json, expected.safetensors ("document")
       adapter/…, expected.safetensors ("document"), pooled by the first token
       model2vec/…, expected.safetensors ("document"; a row of zeros where a text has no token)

JinaBERT's own code is published beside its weights and is not part of transformers. The reference below was written from the
paper (Guenther et al. 2023, "Jina Embeddings 2") and the names in the weights: it has not been compared with that code.
"""
import json, math, os, pathlib, sys
os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np, torch
from torch import nn
from safetensors.numpy import save_file
here = pathlib.Path(__file__).parent; tiny = here.parent / "tiny"; base = tiny / "bert-cls"
texts = json.load(open(tiny / "texts.json"))

def ids_of(text, longest=128):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json")); tokenizer.no_padding(); tokenizer.enable_truncation(longest)
    return torch.tensor([tokenizer.encode(text).ids])
def save(path, expected):
    assert all(np.isfinite(v).all() for v in expected.values())
    save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in expected.items()}, path)
    print(path, {k: v.shape for k, v in expected.items()})
def unit(x): return x / x.norm(dim=-1, keepdim=True)
def random(model, seed):
    torch.manual_seed(seed)
    for name, p in model.named_parameters():
        if p.dim() > 1: nn.init.normal_(p, std=0.06 if p.shape[0] > 500 else 0.15)
        elif "norm" not in name.lower() or name.endswith("bias"): nn.init.normal_(p, std=0.05)
        else: nn.init.normal_(p, mean=1, std=0.1)
    return model.eval()

def poolings():
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Transformer, Pooling
    transformer = Transformer(str(base)); transformer.max_seq_length = 128
    prompt = json.load(open(base / "config_sentence_transformers.json"))["prompts"]["query"][:40]
    def run(prompt=None, **options):
        model = SentenceTransformer(modules=[transformer, Pooling(64, **options)], device="cpu")
        return np.stack([model.encode([t], batch_size=1, show_progress_bar=False, prompt=prompt)[0] for t in texts])
    expected = {"+".join(modes): run(pooling_mode=modes) for modes in [("mean", "max"), ("cls", "max", "mean", "lasttoken"), ("weightedmean", "mean_sqrt_len_tokens")]}
    for mode in ["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]:
        expected[f"prompt:{mode}"] = run(prompt, pooling_mode=mode, include_prompt=False)
    save(here / "poolings.safetensors", expected)

class Jina(nn.Module):
    """Symmetric ALiBi instead of positions, a feed-forward part gated by GELU, norms after the residuals."""
    def __init__(self, words, hidden, layers, heads, inner):
        super().__init__(); self.heads = heads; self.inner = inner
        def part(**modules): return nn.ModuleDict(modules)
        self.embeddings = part(word_embeddings=nn.Embedding(words, hidden), token_type_embeddings=nn.Embedding(2, hidden), LayerNorm=nn.LayerNorm(hidden, eps=1e-12))
        layer = lambda: part(attention=part(self=part(query=nn.Linear(hidden, hidden), key=nn.Linear(hidden, hidden), value=nn.Linear(hidden, hidden)),
                                            output=part(dense=nn.Linear(hidden, hidden), LayerNorm=nn.LayerNorm(hidden, eps=1e-12))),
                             mlp=part(gated_layers=nn.Linear(hidden, 2 * inner, bias=False), wo=nn.Linear(inner, hidden), layernorm=nn.LayerNorm(hidden, eps=1e-12)))
        self.encoder = part(layer=nn.ModuleList(layer() for _ in range(layers)))
    def slopes(self, heads):   # Press et al. 2021, "Train Short, Test Long": powers of 2^(-8/n); between them, every second of twice as many
        n = 2 ** math.floor(math.log2(heads)); own = [2 ** (-8 * (i + 1) / n) for i in range(n)]
        return own if n == heads else own + self.slopes(2 * n)[0::2][: heads - n]
    def forward(self, ids):
        e = self.embeddings; x = e["LayerNorm"](e["word_embeddings"](ids) + e["token_type_embeddings"](torch.zeros_like(ids)))
        n = ids.shape[1]; distance = (torch.arange(n)[None] - torch.arange(n)[:, None]).abs().float()
        bias = -torch.tensor(self.slopes(self.heads))[:, None, None] * distance
        for layer in self.encoder["layer"]:
            own = layer["attention"]["self"]; split = lambda t: t.view(1, n, self.heads, -1).transpose(1, 2)
            q, k, v = (split(own[name](x)) for name in ("query", "key", "value"))
            shares = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + bias).softmax(-1)
            out = layer["attention"]["output"]; x = out["LayerNorm"](out["dense"]((shares @ v).transpose(1, 2).reshape(1, n, -1)) + x)
            gated, plain = layer["mlp"]["gated_layers"](x).split(self.inner, -1)
            x = layer["mlp"]["layernorm"](layer["mlp"]["wo"](nn.functional.gelu(gated) * plain) + x)
        return x

def jina():
    out = here / "jina"; out.mkdir(exist_ok=True)
    words = json.load(open(base / "config.json"))["vocab_size"]; hidden, layers, heads, inner = 48, 2, 3, 96
    model = random(Jina(words, hidden, layers, heads, inner), 7)
    torch.save(model.state_dict(), out / "pytorch_model.bin")
    config = dict(model_type="bert", architectures=["JinaBertForMaskedLM"], position_embedding_type="alibi", feed_forward_type="geglu", emb_pooler="mean",
                  vocab_size=words, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner, hidden_act="gelu",
                  max_position_embeddings=128, type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=0)
    json.dump(config, open(out / "config.json", "w"), indent=1)
    with torch.no_grad(): save(out / "expected.safetensors", {"document": np.stack([unit(model(ids_of(t)).mean(1))[0].numpy() for t in texts])})

def adapter():
    import adapters
    from transformers import BertModel
    model = BertModel.from_pretrained(base); adapters.init(model)
    model.add_adapter("[PRX]", config=adapters.SeqBnConfig(reduction_factor=4)); model.set_active_adapters("[PRX]")
    torch.manual_seed(9)
    for name, p in model.named_parameters():
        if ".adapters." in name: nn.init.normal_(p, std=0.2 if p.dim() > 1 else 0.05)
    model.eval()
    model.save_adapter(str(here / "adapter"), "[PRX]"); model.save_adapter(str(here / "adapter"), "[PRX]", use_safetensors=True)
    written = json.load(open(here / "adapter" / "adapter_config.json")); written["model_name"] = "tiny/bert-cls"
    json.dump(written, open(here / "adapter" / "adapter_config.json", "w"), indent=2)
    with torch.no_grad():
        run = lambda: np.stack([unit(model(ids_of(t)).last_hidden_state[:, 0])[0].numpy() for t in texts])
        expected = run(); model.set_active_adapters(None); print("farthest from the base:", (expected * run()).sum(1).min())
    save(here / "adapter" / "expected.safetensors", {"document": expected})

def model2vec():
    from model2vec.distill import distill
    folder = here / "model2vec"
    model = distill(str(base), pca_dims=16); model.save_pretrained(str(folder)); (folder / "README.md").unlink()
    written = json.load(open(folder / "config.json")); written["tokenizer_name"] = "tiny/bert-cls"
    json.dump(written, open(folder / "config.json", "w"), indent=4)
    model.embedding = model.embedding.astype(np.float32)  # it computes in what it stores, which is f16
    vectors = model.encode(texts); lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    save(folder / "expected.safetensors", {"document": np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)})

{"model2vec": model2vec, "poolings": poolings, "jina": jina, "adapter": adapter}[sys.argv[1]]()
