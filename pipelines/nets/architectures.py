"""Architectures of networks: their weights, the initial values of the weights, and the forward pass.

All tensors have a leading dimension for the networks of a fleet: inputs have the shape (n_networks, n_rows, n_inputs),
outputs (n_networks, n_rows, n_members, n_outputs). The outputs of the members of one network are averaged later.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import torch
from torch.nn import functional

from pipelines.nets.parameters import Parameters, TensorSpec

Dropout = Callable[[torch.Tensor], torch.Tensor]

MAX_EMBEDDED = 100  # numeric columns; wider tables get no embeddings, which would be larger than all other layers
PERIODIC_FREQUENCIES = 16
PERIODIC_OUTPUTS = 3
CATEGORY_DIMENSIONS = 8
ROWS_PER_UNIT = 5  # the bias of a hidden unit centers it on a random mean of this number of rows


@dataclass(frozen=True)
class Inputs:
    """The input columns of a network: numbers, then flags (0, 1 or -1), then category codes.

    Attributes
    ----------
    cardinalities : tuple of int
        Number of codes of each category column, including the code of missing and unseen categories.
    """

    n_numeric: int
    n_flags: int = 0
    cardinalities: tuple[int, ...] = ()

    @property
    def n_dense(self) -> int:
        return self.n_numeric + self.n_flags


class Architecture(Protocol):
    """What a class of networks must provide to be trained in a fleet."""

    @property
    def n_outputs(self) -> int: ...

    def layout(self) -> tuple[TensorSpec, ...]:
        """Return the specifications of the weights."""

    def initialize(self, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
        """Set the initial weights of one network; `X`, shape (1, n_rows, n_inputs), holds some of its training rows."""

    def forward(self, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        """Return outputs of shape (n_networks, n_rows, n_members, n_outputs)."""


def _category_specs(inputs: Inputs, rate: float = 1.0) -> tuple[TensorSpec, ...]:
    if not inputs.cardinalities:
        return ()
    return (TensorSpec("categories", (sum(inputs.cardinalities), CATEGORY_DIMENSIONS), rate),)


def _categories_width(inputs: Inputs) -> int:
    return len(inputs.cardinalities) * CATEGORY_DIMENSIONS


def _with_categories(p: Parameters, inputs: Inputs, X: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
    """Return the dense columns followed by the embeddings of the codes."""
    if not inputs.cardinalities:
        return dense
    codes = (X[..., inputs.n_dense :].long() + _first_codes(inputs.cardinalities, X.device)).flatten(1)
    index = codes.unsqueeze(-1).expand(-1, -1, CATEGORY_DIMENSIONS)
    found = torch.gather(p["categories"], 1, index)
    return torch.cat([dense, found.reshape(*X.shape[:2], -1)], dim=-1)


@lru_cache(maxsize=8)
def _first_codes(cardinalities: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Return the first embedding of each column; cached, so that a device does not wait for it at each step."""
    return torch.tensor([0, *cardinalities[:-1]], device=device).cumsum(0)


def _normal_(tensor: torch.Tensor, generator: torch.Generator, std: float = 1.0) -> None:
    tensor.copy_(std * torch.randn(tensor.shape, generator=generator))


def _uniform_(tensor: torch.Tensor, generator: torch.Generator, bound: float) -> None:
    tensor.copy_(bound * (2 * torch.rand(tensor.shape, generator=generator) - 1))


def _linear(p: Parameters, name: str, X: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    return torch.baddbmm(p[f"{name}.bias"].unsqueeze(1), X, p[f"{name}.weight"], alpha=scale)


def _activate(name: str, X: torch.Tensor) -> torch.Tensor:
    return {"selu": functional.selu, "mish": functional.mish, "relu": functional.relu}[name](X)


@dataclass(frozen=True)
class RealMLP:
    """Hidden layers in neural-tangent parametrization with trained activations, after periodic embeddings.

    Holzmüller, Grinsztajn and Steinwart, 2024, "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data" (arXiv:2407.04491), section 3 and appendix A: embeddings of numbers as cosines, a layer that scales each
    input and has a higher learning rate, initial weights that are scaled by training rows.
    """

    width: int = 256
    depth: int = 3
    activation: str = "selu"
    embedding: bool = True
    sigma: float = 0.1  # standard deviation of the frequencies
    inputs: Inputs = field(default_factory=lambda: Inputs(1))
    n_outputs: int = 1

    @property
    def _n_embedded(self) -> int:
        return self.inputs.n_numeric if self.embedding and self.inputs.n_numeric <= MAX_EMBEDDED else 0

    @property
    def _n_first(self) -> int:
        extra = PERIODIC_OUTPUTS * self._n_embedded
        return self.inputs.n_dense + extra + _categories_width(self.inputs)

    def layout(self) -> tuple[TensorSpec, ...]:
        d, k = self._n_embedded, PERIODIC_FREQUENCIES
        specs = [*_category_specs(self.inputs)]
        if d:
            specs += [
                TensorSpec("frequency", (d, k), 0.1),
                TensorSpec("phase", (d, k), 0.1, decay=False),
                TensorSpec("periodic.weight", (d, k, PERIODIC_OUTPUTS), 0.1),
                TensorSpec("periodic.bias", (d, PERIODIC_OUTPUTS), 0.1, decay=False),
            ]
        specs.append(TensorSpec("scale", (self._n_first,), 6.0))
        size = self._n_first
        for layer in range(self.depth):
            specs += [
                TensorSpec(f"{layer}.weight", (size, self.width)),
                TensorSpec(f"{layer}.bias", (self.width,), 0.1, decay=False),
                TensorSpec(f"{layer}.slope", (self.width,), 0.1, decay=False),
            ]
            size = self.width
        specs += [
            TensorSpec("out.weight", (size, self.n_outputs)),
            TensorSpec("out.bias", (self.n_outputs,), 0.1, decay=False),
        ]
        return tuple(specs)

    def initialize(self, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
        if "categories" in p:
            _normal_(p["categories"], generator)
        if self._n_embedded:
            _normal_(p["frequency"], generator, self.sigma)
            _uniform_(p["phase"], generator, math.pi)
            bound = PERIODIC_FREQUENCIES**-0.5
            _uniform_(p["periodic.weight"], generator, bound)
            _uniform_(p["periodic.bias"], generator, bound)
        p["scale"].fill_(1.0)
        X = self._first(p, X)
        for layer in range(self.depth):
            weight, bias = p[f"{layer}.weight"], p[f"{layer}.bias"]
            _normal_(weight, generator)
            bias.zero_()
            seen = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
            spread = seen.std(dim=1, keepdim=True, correction=0)
            weight.div_(torch.where(spread > 1e-6, spread, 1.0))
            seen = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
            # The bend of each unit lies at a random mean of a few rows, so that it lies among the rows.
            rows = torch.randint(X.shape[1], (ROWS_PER_UNIT, self.width), generator=generator)
            share = torch.rand((ROWS_PER_UNIT, self.width), generator=generator).log().neg()
            bias.copy_(-(seen[0].gather(0, rows.to(seen.device)) * (share / share.sum(0)).to(seen.device)).sum(0))
            p[f"{layer}.slope"].fill_(1.0)
            X = self._hidden(p, layer, X)
        p["out.weight"].zero_()
        p["out.bias"].zero_()

    def forward(self, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        X = self._first(p, X)
        for layer in range(self.depth):
            X = dropout(self._hidden(p, layer, X))
        return _linear(p, "out", X, X.shape[-1] ** -0.5).unsqueeze(2)

    def _first(self, p: Parameters, X: torch.Tensor) -> torch.Tensor:
        dense = X[..., : self.inputs.n_dense]
        d = self._n_embedded
        if d:
            waves = torch.cos(2 * math.pi * torch.addcmul(
                p["phase"].unsqueeze(1) / (2 * math.pi), X[..., :d].unsqueeze(-1), p["frequency"].unsqueeze(1)
            ))  # fmt: skip
            mixed = (waves.transpose(1, 2) @ p["periodic.weight"]).transpose(1, 2)
            mixed = mixed + p["periodic.bias"].unsqueeze(1)
            dense = torch.cat([dense, mixed.flatten(2)], dim=-1)
        return _with_categories(p, self.inputs, X, dense) * p["scale"].unsqueeze(1)

    def _hidden(self, p: Parameters, layer: int, X: torch.Tensor) -> torch.Tensor:
        X = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
        return torch.lerp(X, _activate(self.activation, X), p[f"{layer}.slope"].unsqueeze(1))


@dataclass(frozen=True)
class TabM:
    """Many members in one network, which share all weights except the scales of their inputs and their outputs.

    Gorishniy, Kotelnikov and Babenko, 2024, "TabM: advancing tabular deep learning with parameter-efficient
    ensembling" (arXiv:2410.24210), section 3, variant "mini", with the piecewise-linear embeddings of Gorishniy et
    al., 2022 (arXiv:2203.05556), section 3.2.
    """

    width: int = 256
    depth: int = 2
    n_members: int = 32
    n_bins: int = 16  # 0 for no embedding
    n_dimensions: int = 8  # of the embedding of one number
    inputs: Inputs = field(default_factory=lambda: Inputs(1))
    n_outputs: int = 1

    @property
    def _n_embedded(self) -> int:
        return self.inputs.n_numeric if self.n_bins and self.inputs.n_numeric <= MAX_EMBEDDED else 0

    @property
    def _n_first(self) -> int:
        embedded = self._n_embedded
        dense = self.inputs.n_dense - embedded + embedded * self.n_dimensions
        return dense + _categories_width(self.inputs)

    def layout(self) -> tuple[TensorSpec, ...]:
        d = self._n_embedded
        specs = [*_category_specs(self.inputs)]
        if d:
            specs += [
                TensorSpec("bin.left", (d, self.n_bins), 0.0, decay=False),
                TensorSpec("bin.width", (d, self.n_bins), 0.0, decay=False),
                TensorSpec("bins.weight", (d, self.n_bins, self.n_dimensions)),
                TensorSpec("bins.bias", (d, self.n_dimensions)),
            ]
        specs.append(TensorSpec("member", (self.n_members, self._n_first)))
        size = self._n_first
        for layer in range(self.depth):
            specs += [TensorSpec(f"{layer}.weight", (size, self.width)), TensorSpec(f"{layer}.bias", (self.width,))]
            size = self.width
        specs += [
            TensorSpec("out.weight", (self.n_members, size, self.n_outputs)),
            TensorSpec("out.bias", (self.n_members, self.n_outputs)),
        ]
        return tuple(specs)

    def initialize(self, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
        if "categories" in p:
            _normal_(p["categories"], generator)
        if self._n_embedded:
            steps = torch.linspace(0, 1, self.n_bins + 1, device=X.device)
            edges = torch.quantile(X[0, :, : self._n_embedded], steps, dim=0).T
            p["bin.left"].copy_(edges[:, :-1])
            p["bin.width"].copy_(edges.diff(dim=1))
            bound = self.n_bins**-0.5
            _uniform_(p["bins.weight"], generator, bound)
            _uniform_(p["bins.bias"], generator, bound)
        p["member"].copy_(2.0 * torch.randint(2, p["member"].shape, generator=generator) - 1)
        size = self._n_first
        for layer in range(self.depth):
            _uniform_(p[f"{layer}.weight"], generator, size**-0.5)
            _uniform_(p[f"{layer}.bias"], generator, size**-0.5)
            size = self.width
        _uniform_(p["out.weight"], generator, size**-0.5)
        _uniform_(p["out.bias"], generator, size**-0.5)

    def forward(self, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        n_networks, n_rows = X.shape[:2]
        first = self._first(p, X).unsqueeze(2) * p["member"].unsqueeze(1)
        X = first.flatten(1, 2)
        for layer in range(self.depth):
            X = dropout(functional.relu(_linear(p, f"{layer}", X)))
        X = X.view(n_networks, n_rows, self.n_members, -1).transpose(1, 2)
        out = X @ p["out.weight"] + p["out.bias"].unsqueeze(2)
        return out.transpose(1, 2)

    def _first(self, p: Parameters, X: torch.Tensor) -> torch.Tensor:
        dense = X[..., : self.inputs.n_dense]
        d = self._n_embedded
        if d:
            width = p["bin.width"].unsqueeze(1)
            inside = (X[..., :d].unsqueeze(-1) - p["bin.left"].unsqueeze(1)) / width.clamp(min=1e-6)
            # Bins without width come from repeated values and carry no information. The first and the last bin
            # extrapolate values outside of the range, within limits.
            inner = torch.ones(self.n_bins - 1, device=X.device)
            low, high = functional.pad(0 * inner, (1, 0), value=-2.0), functional.pad(inner, (0, 1), value=3.0)
            inside = torch.where(width > 1e-6, torch.minimum(torch.maximum(inside, low), high), 0.0)
            embedded = (inside.transpose(1, 2) @ p["bins.weight"]).transpose(1, 2)
            embedded = functional.relu(embedded + p["bins.bias"].unsqueeze(1))
            dense = torch.cat([embedded.flatten(2), dense[..., d:]], dim=-1)
        return _with_categories(p, self.inputs, X, dense)


@dataclass(frozen=True)
class ResNet:
    """Residual blocks over normalized features.

    Gorishniy et al., 2021, "Revisiting deep learning models for tabular data" (arXiv:2106.11959), section 3.2, with
    layer normalization in place of batch normalization, so that the rows of a batch do not depend on each other.
    """

    width: int = 192
    depth: int = 3
    expansion: float = 2.0
    inputs: Inputs = field(default_factory=lambda: Inputs(1))
    n_outputs: int = 1

    @property
    def _n_hidden(self) -> int:
        return round(self.width * self.expansion)

    @property
    def _n_first(self) -> int:
        return self.inputs.n_dense + _categories_width(self.inputs)

    def layout(self) -> tuple[TensorSpec, ...]:
        specs = [*_category_specs(self.inputs)]
        specs += [
            TensorSpec("first.weight", (self._n_first, self.width)),
            TensorSpec("first.bias", (self.width,), decay=False),
        ]
        for block in range(self.depth):
            specs += [
                TensorSpec(f"{block}.norm.weight", (self.width,), decay=False),
                TensorSpec(f"{block}.norm.bias", (self.width,), decay=False),
                TensorSpec(f"{block}.up.weight", (self.width, self._n_hidden)),
                TensorSpec(f"{block}.up.bias", (self._n_hidden,), decay=False),
                TensorSpec(f"{block}.down.weight", (self._n_hidden, self.width)),
                TensorSpec(f"{block}.down.bias", (self.width,), decay=False),
            ]
        specs += [
            TensorSpec("norm.weight", (self.width,), decay=False),
            TensorSpec("norm.bias", (self.width,), decay=False),
            TensorSpec("out.weight", (self.width, self.n_outputs)),
            TensorSpec("out.bias", (self.n_outputs,), decay=False),
        ]
        return tuple(specs)

    def initialize(self, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
        for spec in self.layout():
            if spec.name == "categories":
                _normal_(p[spec.name], generator)
            elif spec.name.endswith("norm.weight"):
                p[spec.name].fill_(1.0)
            elif spec.name.endswith(".weight") and not spec.name.startswith("out"):
                _uniform_(p[spec.name], generator, spec.shape[0] ** -0.5)
            else:
                p[spec.name].zero_()

    def forward(self, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        X = _linear(p, "first", _with_categories(p, self.inputs, X, X[..., : self.inputs.n_dense]))
        for block in range(self.depth):
            hidden = functional.relu(_linear(p, f"{block}.up", _normalize(p, f"{block}.norm", X)))
            X = X + _linear(p, f"{block}.down", dropout(hidden))
        return _linear(p, "out", functional.relu(_normalize(p, "norm", X))).unsqueeze(2)


def _normalize(p: Parameters, name: str, X: torch.Tensor) -> torch.Tensor:
    standard = functional.layer_norm(X, X.shape[-1:])
    return torch.addcmul(p[f"{name}.bias"].unsqueeze(1), standard, p[f"{name}.weight"].unsqueeze(1))
