"""The baseline of the training bench: the model of models/recipes/bench-lm.json in plain PyTorch (Debian: python3-torch).

usage: /usr/bin/python3 torch_moe_lm.py TEXT_FILE [STEPS]
Bytes as tokens, width 256, 4 layers, 4 heads, 8 SwiGLU experts of 512, top-2 renormalized, 128 tokens x 16, AdamW. Prints the
median tokens a second of all steps but the first."""
import math
import os
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

DIM, LAYERS, HEADS, EXPERTS, TOP_K, HIDDEN, LENGTH, BATCH = 256, 4, 4, 8, 2, 512, 128, 16


class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(DIM))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Moe(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(DIM, EXPERTS, bias=False)
        self.gate = nn.Parameter(torch.randn(EXPERTS, DIM, HIDDEN) / math.sqrt(DIM))
        self.up = nn.Parameter(torch.randn(EXPERTS, DIM, HIDDEN) / math.sqrt(DIM))
        self.down = nn.Parameter(torch.randn(EXPERTS, HIDDEN, DIM) / math.sqrt(HIDDEN))

    def forward(self, x):
        probabilities = self.router(x).softmax(-1)
        weights, indices = probabilities.topk(TOP_K, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        y, load = torch.zeros_like(x), []
        for e in range(EXPERTS):
            token, slot = (indices == e).nonzero(as_tuple=True)
            load.append(token.numel())
            if token.numel():
                h = x[token]
                h = (F.silu(h @ self.gate[e]) * (h @ self.up[e])) @ self.down[e]
                y.index_add_(0, token, h * weights[token, slot, None])
        share = torch.tensor(load, dtype=x.dtype) / (x.shape[0] * TOP_K)
        return y, EXPERTS * (share * probabilities.mean(0)).sum()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = RmsNorm(), RmsNorm()
        self.qkv = nn.Linear(DIM, 3 * DIM, bias=False)
        self.out = nn.Linear(DIM, DIM, bias=False)
        self.moe = Moe()

    def forward(self, x, mask):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(-1, -2) / math.sqrt(d // HEADS) + mask).softmax(-1)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(b, t, d))
        y, balance = self.moe(self.norm2(x).view(b * t, d))
        return x + y.view(b, t, d), balance


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(256, DIM)
        self.position = nn.Parameter(torch.zeros(LENGTH, DIM))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = RmsNorm()
        self.head = nn.Linear(DIM, 256, bias=False)

    def forward(self, ids):
        x, balance = self.embedding(ids) + self.position, 0.0
        mask = torch.full((LENGTH, LENGTH), float("-inf")).triu(1)
        for block in self.blocks:
            x, loss = block(x, mask)
            balance = balance + loss
        return self.head(self.norm(x)), balance


torch.set_num_threads(os.cpu_count())
torch.manual_seed(0)
text = torch.frombuffer(bytearray(open(sys.argv[1], "rb").read()), dtype=torch.uint8).long()
model = LanguageModel()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
rates = []
for step in range(int(sys.argv[2]) if len(sys.argv) > 2 else 31):
    starts = torch.randint(0, len(text) - LENGTH - 1, (BATCH,))
    x = torch.stack([text[s:s + LENGTH] for s in starts])
    y = torch.stack([text[s + 1:s + LENGTH + 1] for s in starts])
    began = time.perf_counter()
    logits, balance = model(x)
    (F.cross_entropy(logits.view(-1, 256), y.view(-1)) + 0.01 * balance).backward()
    optimizer.step()
    optimizer.zero_grad()
    rates.append(BATCH * LENGTH / (time.perf_counter() - began))
print(f"{statistics.median(rates[1:]):.0f}")
