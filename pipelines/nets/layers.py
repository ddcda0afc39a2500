"""The layers of the architectures in torch: the initial values of the weights, and the forward pass of the training.

All tensors have a leading dimension for the networks of a fleet: inputs have the shape (n_networks, n_rows, n_inputs),
outputs (n_networks, n_rows, n_members, n_outputs). The outputs of the members of one network are averaged later.
`pipelines.nets.inference` has the same formulas in numpy: change both together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, singledispatch

import torch
from torch.nn import functional

from pipelines.nets.architectures import (
    CATEGORY_DIMENSIONS,
    PERIODIC_FREQUENCIES,
    Architecture,
    Inputs,
    RealMLP,
    ResNet,
    TabM,
)
from pipelines.nets.parameters import Parameters

Dropout = Callable[[torch.Tensor], torch.Tensor]

ROWS_PER_UNIT = 5  # the bias of a hidden unit centers it on a random mean of this number of rows


@singledispatch
def initialize(net: Architecture, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
    """Set the initial weights of one network; `X`, shape (1, n_rows, n_inputs), holds some of its training rows."""
    raise TypeError(f"there are no initial weights for the architecture {type(net).__name__}")


@singledispatch
def forward(net: Architecture, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
    """Return outputs of shape (n_networks, n_rows, n_members, n_outputs)."""
    raise TypeError(f"there is no forward pass for the architecture {type(net).__name__}")


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


@initialize.register
def _initialize_realmlp(net: RealMLP, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
    if "categories" in p:
        _normal_(p["categories"], generator)
    if net.n_embedded:
        _normal_(p["frequency"], generator, net.sigma)
        _uniform_(p["phase"], generator, math.pi)
        bound = PERIODIC_FREQUENCIES**-0.5
        _uniform_(p["periodic.weight"], generator, bound)
        _uniform_(p["periodic.bias"], generator, bound)
    p["scale"].fill_(1.0)
    X = _realmlp_first(net, p, X)
    for layer in range(net.depth):
        weight, bias = p[f"{layer}.weight"], p[f"{layer}.bias"]
        _normal_(weight, generator)
        bias.zero_()
        seen = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
        spread = seen.std(dim=1, keepdim=True, correction=0)
        weight.div_(torch.where(spread > 1e-6, spread, 1.0))
        seen = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
        # The bend of each unit lies at a random mean of a few rows, so that it lies among the rows.
        rows = torch.randint(X.shape[1], (ROWS_PER_UNIT, net.width), generator=generator)
        share = torch.rand((ROWS_PER_UNIT, net.width), generator=generator).log().neg()
        bias.copy_(-(seen[0].gather(0, rows.to(seen.device)) * (share / share.sum(0)).to(seen.device)).sum(0))
        p[f"{layer}.slope"].fill_(1.0)
        X = _realmlp_hidden(net, p, layer, X)
    p["out.weight"].zero_()
    p["out.bias"].zero_()


@forward.register
def _forward_realmlp(net: RealMLP, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
    X = _realmlp_first(net, p, X)
    for layer in range(net.depth):
        X = dropout(_realmlp_hidden(net, p, layer, X))
    return _linear(p, "out", X, X.shape[-1] ** -0.5).unsqueeze(2)


def _realmlp_first(net: RealMLP, p: Parameters, X: torch.Tensor) -> torch.Tensor:
    dense = X[..., : net.inputs.n_dense]
    d = net.n_embedded
    if d:
        waves = torch.cos(2 * math.pi * torch.addcmul(
            p["phase"].unsqueeze(1) / (2 * math.pi), X[..., :d].unsqueeze(-1), p["frequency"].unsqueeze(1)
        ))  # fmt: skip
        mixed = (waves.transpose(1, 2) @ p["periodic.weight"]).transpose(1, 2)
        mixed = mixed + p["periodic.bias"].unsqueeze(1)
        dense = torch.cat([dense, mixed.flatten(2)], dim=-1)
    return _with_categories(p, net.inputs, X, dense) * p["scale"].unsqueeze(1)


def _realmlp_hidden(net: RealMLP, p: Parameters, layer: int, X: torch.Tensor) -> torch.Tensor:
    X = _linear(p, f"{layer}", X, X.shape[-1] ** -0.5)
    return torch.lerp(X, _activate(net.activation, X), p[f"{layer}.slope"].unsqueeze(1))


@initialize.register
def _initialize_tabm(net: TabM, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
    if "categories" in p:
        _normal_(p["categories"], generator)
    if net.n_embedded:
        steps = torch.linspace(0, 1, net.n_bins + 1, device=X.device)
        edges = torch.quantile(X[0, :, : net.n_embedded], steps, dim=0).T
        p["bin.left"].copy_(edges[:, :-1])
        p["bin.width"].copy_(edges.diff(dim=1))
        bound = net.n_bins**-0.5
        _uniform_(p["bins.weight"], generator, bound)
        _uniform_(p["bins.bias"], generator, bound)
    p["member"].copy_(2.0 * torch.randint(2, p["member"].shape, generator=generator) - 1)
    size = net.n_first
    for layer in range(net.depth):
        _uniform_(p[f"{layer}.weight"], generator, size**-0.5)
        _uniform_(p[f"{layer}.bias"], generator, size**-0.5)
        size = net.width
    _uniform_(p["out.weight"], generator, size**-0.5)
    _uniform_(p["out.bias"], generator, size**-0.5)


@forward.register
def _forward_tabm(net: TabM, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
    n_networks, n_rows = X.shape[:2]
    first = _tabm_first(net, p, X).unsqueeze(2) * p["member"].unsqueeze(1)
    X = first.flatten(1, 2)
    for layer in range(net.depth):
        X = dropout(functional.relu(_linear(p, f"{layer}", X)))
    X = X.view(n_networks, n_rows, net.n_members, -1).transpose(1, 2)
    out = X @ p["out.weight"] + p["out.bias"].unsqueeze(2)
    return out.transpose(1, 2)


def _tabm_first(net: TabM, p: Parameters, X: torch.Tensor) -> torch.Tensor:
    dense = X[..., : net.inputs.n_dense]
    d = net.n_embedded
    if d:
        width = p["bin.width"].unsqueeze(1)
        inside = (X[..., :d].unsqueeze(-1) - p["bin.left"].unsqueeze(1)) / width.clamp(min=1e-6)
        # Bins without width come from repeated values and carry no information. The first and the last bin
        # extrapolate values outside of the range, within limits.
        inner = torch.ones(net.n_bins - 1, device=X.device)
        low, high = functional.pad(0 * inner, (1, 0), value=-2.0), functional.pad(inner, (0, 1), value=3.0)
        inside = torch.where(width > 1e-6, torch.minimum(torch.maximum(inside, low), high), 0.0)
        embedded = (inside.transpose(1, 2) @ p["bins.weight"]).transpose(1, 2)
        embedded = functional.relu(embedded + p["bins.bias"].unsqueeze(1))
        dense = torch.cat([embedded.flatten(2), dense[..., d:]], dim=-1)
    return _with_categories(p, net.inputs, X, dense)


@initialize.register
def _initialize_resnet(net: ResNet, p: Parameters, X: torch.Tensor, generator: torch.Generator) -> None:
    for spec in net.layout():
        if spec.name == "categories":
            _normal_(p[spec.name], generator)
        elif spec.name.endswith("norm.weight"):
            p[spec.name].fill_(1.0)
        elif spec.name.endswith(".weight") and not spec.name.startswith("out"):
            _uniform_(p[spec.name], generator, spec.shape[0] ** -0.5)
        else:
            p[spec.name].zero_()


@forward.register
def _forward_resnet(net: ResNet, p: Parameters, X: torch.Tensor, dropout: Dropout) -> torch.Tensor:
    X = _linear(p, "first", _with_categories(p, net.inputs, X, X[..., : net.inputs.n_dense]))
    for block in range(net.depth):
        hidden = functional.relu(_linear(p, f"{block}.up", _normalize(p, f"{block}.norm", X)))
        X = X + _linear(p, f"{block}.down", dropout(hidden))
    return _linear(p, "out", functional.relu(_normalize(p, "norm", X))).unsqueeze(2)


def _normalize(p: Parameters, name: str, X: torch.Tensor) -> torch.Tensor:
    standard = functional.layer_norm(X, X.shape[-1:])
    return torch.addcmul(p[f"{name}.bias"].unsqueeze(1), standard, p[f"{name}.weight"].unsqueeze(1))
