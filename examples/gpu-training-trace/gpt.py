"""A small GPT, an invented text for it, and one training run of both; nothing here knows of power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    """Size of the model and of one micro-batch."""

    layers: int = 24
    width: int = 1536
    heads: int = 12
    vocabulary: int = 32_768
    context: int = 1024
    batch: int = 8


class Block(nn.Module):
    """Causal attention and MLP, each behind a layer norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).view(rows, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    """Embedding, blocks, and a head that shares the weights of the embedding; gives the cross entropy."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.token = nn.Embedding(shape.vocabulary, shape.width)
        self.place = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        seen, wanted = tokens[:, :-1], tokens[:, 1:]
        x = self.token(seen) + self.place.weight[: seen.shape[1]]
        for block in self.blocks:
            x = block(x)
        scores = F.linear(self.norm(x), self.token.weight)
        return F.cross_entropy(scores.flatten(0, 1).float(), wanted.flatten())


def invented_text(shape: Shape, rows: int, seed: int = 1) -> np.ndarray:
    """Rows of a Markov chain over 1024 of the tokens: nine in ten steps are certain: loss can fall."""
    random = np.random.default_rng(seed)
    states = random.permutation(shape.vocabulary)[: min(1024, shape.vocabulary)]
    after = random.permutation(len(states))
    course = np.empty((rows, shape.context + 1), dtype=np.int64)
    state = random.integers(len(states), size=rows)
    for place in range(shape.context + 1):
        course[:, place] = states[state]
        leap = random.random(rows) < 0.1
        state = np.where(leap, random.integers(len(states), size=rows), after[state])
    return course


class Training:
    """A model on a device with its optimizer and its text."""

    def __init__(self, shape: Shape, device: str, *, compiled: bool = False) -> None:
        torch.manual_seed(1)
        self.shape, self.device = shape, device
        with torch.device(device):
            self.model = Gpt(shape)
        self.forward: Any = torch.compile(self.model) if compiled else self.model
        on_gpu = device != "cpu"
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-4, fused=on_gpu)
        self.text = torch.from_numpy(invented_text(shape, 512 * shape.batch if on_gpu else 64)).to(device)
        self.batch = shape.batch

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(weight.numel() for weight in self.model.parameters())

    def loss(self) -> torch.Tensor:
        """Forward pass over one micro-batch, in bf16 where that is safe."""
        pick = torch.randint(len(self.text), (self.batch,), device=self.device)
        with torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16):
            value: torch.Tensor = self.forward(self.text[pick])
        return value

    def update(self) -> None:
        """Optimizer step."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def state(self, *, full: bool) -> list[torch.Tensor]:
        """What a checkpoint holds: the weights, and with `full` the moments of the optimizer."""
        kept = [weight.detach() for weight in self.model.parameters()]
        if full:
            moments = [part for state in self.optimizer.state.values() for part in state.values()]
            kept += [part for part in moments if torch.is_tensor(part) and part.dim()]
        return kept
