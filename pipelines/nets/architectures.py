"""Architectures of networks: their sizes and the layout of their weights, without torch.

`pipelines.nets.layers` trains them with torch, and `pipelines.nets.inference` predicts with numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pipelines.nets.layout import TensorSpec

MAX_EMBEDDED = 100  # numeric columns; wider tables get no embeddings, which would be larger than all other layers
PERIODIC_FREQUENCIES = 16
PERIODIC_OUTPUTS = 3
CATEGORY_DIMENSIONS = 8


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
        """Number of columns that are not category codes."""
        return self.n_numeric + self.n_flags

    @property
    def categories_width(self) -> int:
        """Number of columns of the embeddings of all category codes."""
        return len(self.cardinalities) * CATEGORY_DIMENSIONS


class Architecture(Protocol):
    """What a class of networks must provide to be trained in a fleet.

    `pipelines.nets.layers` and `pipelines.nets.inference` register its forward pass.
    """

    @property
    def n_outputs(self) -> int: ...

    @property
    def blocks(self) -> tuple[int, ...]:
        """Numbers of outputs of each of several targets, which lie side by side; empty for one target."""

    @property
    def largest_layer(self) -> int:
        """Numbers in the largest layer for one row, which limit the rows that are predicted at once."""

    def layout(self) -> tuple[TensorSpec, ...]:
        """Return the specifications of the weights."""


def _category_specs(inputs: Inputs, rate: float = 1.0) -> tuple[TensorSpec, ...]:
    if not inputs.cardinalities:
        return ()
    return (TensorSpec("categories", (sum(inputs.cardinalities), CATEGORY_DIMENSIONS), rate),)


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
    blocks: tuple[int, ...] = ()

    @property
    def n_embedded(self) -> int:
        """Number of columns that are embedded."""
        return self.inputs.n_numeric if self.embedding and self.inputs.n_numeric <= MAX_EMBEDDED else 0

    @property
    def n_first(self) -> int:
        """Number of inputs of the first hidden layer."""
        return self.inputs.n_dense + PERIODIC_OUTPUTS * self.n_embedded + self.inputs.categories_width

    @property
    def largest_layer(self) -> int:
        """Numbers in the largest layer for one row."""
        return max(self.width, self.n_first, PERIODIC_FREQUENCIES * self.n_embedded)

    def layout(self) -> tuple[TensorSpec, ...]:
        """Return the specifications of the weights."""
        d, k = self.n_embedded, PERIODIC_FREQUENCIES
        specs = [*_category_specs(self.inputs)]
        if d:
            specs += [
                TensorSpec("frequency", (d, k), 0.1),
                TensorSpec("phase", (d, k), 0.1, decay=False),
                TensorSpec("periodic.weight", (d, k, PERIODIC_OUTPUTS), 0.1),
                TensorSpec("periodic.bias", (d, PERIODIC_OUTPUTS), 0.1, decay=False),
            ]
        specs.append(TensorSpec("scale", (self.n_first,), 6.0))
        size = self.n_first
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
    blocks: tuple[int, ...] = ()

    @property
    def n_embedded(self) -> int:
        """Number of columns that are embedded."""
        return self.inputs.n_numeric if self.n_bins and self.inputs.n_numeric <= MAX_EMBEDDED else 0

    @property
    def n_first(self) -> int:
        """Number of inputs of the first hidden layer."""
        embedded = self.n_embedded
        dense = self.inputs.n_dense - embedded + embedded * self.n_dimensions
        return dense + self.inputs.categories_width

    @property
    def largest_layer(self) -> int:
        """Numbers in the largest layer for one row, of all members together."""
        return max(self.n_members * max(self.width, self.n_first), self.n_bins * self.n_embedded)

    def layout(self) -> tuple[TensorSpec, ...]:
        """Return the specifications of the weights."""
        d = self.n_embedded
        specs = [*_category_specs(self.inputs)]
        if d:
            specs += [
                TensorSpec("bin.left", (d, self.n_bins), 0.0, decay=False),
                TensorSpec("bin.width", (d, self.n_bins), 0.0, decay=False),
                TensorSpec("bins.weight", (d, self.n_bins, self.n_dimensions)),
                TensorSpec("bins.bias", (d, self.n_dimensions)),
            ]
        specs.append(TensorSpec("member", (self.n_members, self.n_first)))
        size = self.n_first
        for layer in range(self.depth):
            specs += [TensorSpec(f"{layer}.weight", (size, self.width)), TensorSpec(f"{layer}.bias", (self.width,))]
            size = self.width
        specs += [
            TensorSpec("out.weight", (self.n_members, size, self.n_outputs)),
            TensorSpec("out.bias", (self.n_members, self.n_outputs)),
        ]
        return tuple(specs)


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
    blocks: tuple[int, ...] = ()

    @property
    def n_hidden(self) -> int:
        """Number of hidden units of a block."""
        return round(self.width * self.expansion)

    @property
    def n_first(self) -> int:
        """Number of inputs of the first layer."""
        return self.inputs.n_dense + self.inputs.categories_width

    @property
    def largest_layer(self) -> int:
        """Numbers in the largest layer for one row."""
        return max(self.width, self.n_hidden, self.n_first)

    def layout(self) -> tuple[TensorSpec, ...]:
        """Return the specifications of the weights."""
        specs = [*_category_specs(self.inputs)]
        specs += [
            TensorSpec("first.weight", (self.n_first, self.width)),
            TensorSpec("first.bias", (self.width,), decay=False),
        ]
        for block in range(self.depth):
            specs += [
                TensorSpec(f"{block}.norm.weight", (self.width,), decay=False),
                TensorSpec(f"{block}.norm.bias", (self.width,), decay=False),
                TensorSpec(f"{block}.up.weight", (self.width, self.n_hidden)),
                TensorSpec(f"{block}.up.bias", (self.n_hidden,), decay=False),
                TensorSpec(f"{block}.down.weight", (self.n_hidden, self.width)),
                TensorSpec(f"{block}.down.bias", (self.width,), decay=False),
            ]
        specs += [
            TensorSpec("norm.weight", (self.width,), decay=False),
            TensorSpec("norm.bias", (self.width,), decay=False),
            TensorSpec("out.weight", (self.width, self.n_outputs)),
            TensorSpec("out.bias", (self.n_outputs,), decay=False),
        ]
        return tuple(specs)
