"""A small decoder-only transformer over bytes: no tokenizer, a vocabulary of 256 bytes, a loss in nats per byte."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY_SIZE = 256
INIT_STD = 0.02

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}


@dataclass(frozen=True)
class GPTConfig:
    depth: int
    width: int
    heads: int
    activation: str
    dropout: float
    block_size: int

    def __post_init__(self) -> None:
        for name in ("depth", "width", "heads", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"model.{name} is {getattr(self, name)}; it must be 1 or more")
        if self.width % self.heads:
            raise ValueError(f"model.width is {self.width}; it must be a multiple of model.heads ({self.heads})")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"model.activation is {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"model.dropout is {self.dropout}; it must be at least 0 and below 1")


class Attention(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
        output: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return output


class FeedForward(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, 4 * config.width)
        self.activation = ACTIVATIONS[config.activation]
        self.out = nn.Linear(4 * config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.out(self.activation(self.up(x)))
        return hidden


class Block(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        attended: Tensor = x + self.dropout(self.attention(self.attention_norm(x)))
        output: Tensor = attended + self.dropout(self.feed_forward(self.feed_forward_norm(attended)))
        return output


class GPT(nn.Module):
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, config.width)
        self.position_embedding = nn.Embedding(config.block_size, config.width)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, VOCABULARY_SIZE)
        self._initialize()

    def _initialize(self) -> None:
        # As in GPT-2: the layers that add to the residual stream start with weights scaled by 1 / sqrt(2 * depth).
        residual_std = INIT_STD / math.sqrt(2 * self.config.depth)
        for name, parameter in self.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:
                nn.init.normal_(parameter, std=residual_std if name.endswith(".out.weight") else INIT_STD)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token_embedding(tokens) + self.position_embedding(positions)
        logits: Tensor = self.head(self.norm(self.blocks(x)))
        return logits

    def loss(self, windows: Tensor) -> Tensor:
        """Return the mean cross-entropy in nats per byte. `windows` has the shape `(batch, block_size + 1)`."""
        tokens = windows.long()
        logits = self(tokens[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


@torch.inference_mode()
def generate(model: GPT, prompt: bytes, length_bytes: int, temperature: float = 0.8, seed: int = 0) -> bytes:
    """Return `prompt` and `length_bytes` more bytes; at temperature 0 each is the most probable byte.

    Raises ValueError for an empty prompt or a negative temperature.
    """
    if not prompt:
        raise ValueError("the prompt is empty; give at least one byte")
    if temperature < 0:
        raise ValueError(f"the temperature is {temperature}; it must be 0 or more")
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    text = bytearray(prompt)
    for _ in range(length_bytes):
        text.append(_next_byte(model, bytes(text), temperature, generator))
    return bytes(text)


def _next_byte(model: GPT, text: bytes, temperature: float, generator: torch.Generator) -> int:
    device = next(model.parameters()).device
    context = torch.tensor([list(text[-model.config.block_size :])], device=device)
    # forward() instead of the call: a compiled model would be recompiled for each length of the context.
    logits = model.forward(context)[0, -1].float().cpu()
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(functional.softmax(logits / temperature, dim=0), 1, generator=generator))
