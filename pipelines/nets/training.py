"""Training of many networks at once, by batched matrix products with one leading dimension for the networks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pipelines.early_stopping import Deadline
from pipelines.nets import layers
from pipelines.nets.cuda_graph import CapturedStep, StepFactors
from pipelines.nets.dropout import DeviceDropout, FleetDropout
from pipelines.nets.fleet import FleetMember, Trained
from pipelines.nets.layers import Dropout
from pipelines.nets.layout import n_weights
from pipelines.nets.losses import errors, log_losses, pinball_losses, training_losses
from pipelines.nets.parameters import Parameters, per_weight
from pipelines.nets.small_loss import RAMP, small_loss_rows
from pipelines.nets.torch_inference import forward_in_blocks

MAX_ROWS_TO_INITIALIZE = 1024  # rows that an architecture sees when it initializes its weights
# Networks become overconfident while they still learn to rank. The factor of their outputs is therefore chosen together
# with the best epoch, as in temperature scaling (Guo et al., 2017, arXiv:1706.04599, section 4.2).
INVERSE_TEMPERATURES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2)
# Shares of the training at which networks are compared. The waves of the schedule "coslog4" end there, so that the
# learning rates of all networks are low.
RUNGS = (1 / 15, 3 / 15, 7 / 15)


def train(
    members: Sequence[FleetMember],
    deadline: Deadline,
    device: str = "cpu",
    configuration_numbers: Sequence[int] | None = None,
    share: float = 1.0,
) -> list[Trained]:
    """Train all networks; networks of the same shape form a fleet.

    When a device runs out of memory, the fleet is split into halves, which are trained one after the other.

    Parameters
    ----------
    deadline : Deadline
        The schedule of the learning rates ends at this time, however many epochs that allows.
    configuration_numbers : sequence of int, optional
        The number of the configuration of each network. At three points of the training the worse half of the
        configurations ends, by the mean validation loss of their networks (successive halving, Jamieson and Talwalkar,
        2016). Without these numbers all networks train to their end.
    share : float
        Share of the schedule of the learning rates at which this part of the training ends.

    Returns
    -------
    list of Trained
        In the order of `members`.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    done: dict[int, Trained] = {}
    for number, member in enumerate(members):
        if member.earlier is not None and "weights" in member.earlier:  # its training has ended in an earlier part
            done[number] = Trained(member.earlier["weights"], member.earlier["epoch"], state=member.earlier)
        else:
            groups.setdefault(member.group, []).append(number)
    for numbers in groups.values():
        left = None if deadline.limit is None else deadline.left * len(numbers) / (len(members) - len(done))
        own = None if configuration_numbers is None else [configuration_numbers[i] for i in numbers]
        found = _train_group([members[i] for i in numbers], Deadline(left), device, own, share)
        done.update(zip(numbers, found, strict=True))
    return [done[number] for number in range(len(members))]


def _train_group(
    members: Sequence[FleetMember],
    deadline: Deadline,
    device: str,
    configuration_numbers: Sequence[int] | None,
    share: float,
) -> list[Trained]:
    try:
        with warnings.catch_warnings():
            # The gradients are views of one matrix on purpose, which torch warns of.
            warnings.filterwarnings("ignore", message="grad and param do not obey")
            return _Fleet(members, deadline, device, configuration_numbers, share).run()
    except torch.OutOfMemoryError:
        if len(members) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(members) // 2
    first_numbers = None if configuration_numbers is None else configuration_numbers[:half]
    second_numbers = None if configuration_numbers is None else configuration_numbers[half:]
    left = None if deadline.limit is None else deadline.left * half / len(members)
    first = _train_group(members[:half], Deadline(left), device, first_numbers, share)
    left = None if deadline.limit is None else deadline.left
    return first + _train_group(members[half:], Deadline(left), device, second_numbers, share)


class _Fleet:
    """Networks of the same shape during training; row b of every tensor belongs to network b."""

    def __init__(
        self,
        members: Sequence[FleetMember],
        deadline: Deadline,
        device: str,
        configuration_numbers: Sequence[int] | None,
        share: float,
    ):
        if device != "cpu":
            torch.set_float32_matmul_precision("high")  # products in TensorFloat32; sums and weights stay in float32
        self._configuration_numbers = None if configuration_numbers is None else np.asarray(configuration_numbers)
        self._rungs = list(RUNGS)
        # Lowest loss so far of each network, also of networks that have left the fleet.
        self._losses = np.full(len(members), np.inf)
        self._architecture, self._config = members[0].architecture, members[0].config
        self._n_steps, self._deadline, self._device = members[0].n_steps, deadline, device
        earlier = members[0].earlier or {"step": 0, "epochs": 0, "done": 0.0}
        self._step_number, self._n_epochs, self._begun = earlier["step"], earlier["epochs"], earlier["done"]
        self._done, self._share = self._begun, end_of_part(share, self._config.schedule)
        self._numbers = list(range(len(members)))
        self._results: list[Trained | None] = [None] * len(members)
        self._rates = {
            name: torch.tensor([getattr(m.config, name) for m in members], device=device, dtype=torch.float32)
            for name in ("learning_rate", "weight_decay", "dropout", "label_smoothing")
        }
        levels = self._config.quantiles
        self._levels = torch.tensor(levels, device=device) if levels else None
        self._generators = [torch.Generator().manual_seed(m.seed) for m in members]
        # On an accelerator one generator serves all networks, because one call for each network would take too long.
        self._device_generator = (
            None if device == "cpu" else torch.Generator(device).manual_seed(members[0].seed + self._n_epochs)
        )
        self._captured: CapturedStep | None = None
        self._n_epochs_unchanged = 0  # epochs since a network left the fleet
        self._load_rows(members)
        layout = self._architecture.layout()
        self._rate = per_weight(layout, "rate").to(device)
        self._decay = self._rate * per_weight(layout, "decay").to(device)
        flat = torch.zeros(len(members), n_weights(layout), device=device)
        self._p = Parameters(layout, flat)
        self._mean, self._square = torch.zeros_like(flat), torch.zeros_like(flat)
        with torch.no_grad():
            for b, generator in enumerate(self._generators):
                rows = torch.randperm(int(self._n_train[b]), generator=generator)[:MAX_ROWS_TO_INITIALIZE]
                sample = self._X[self._table_number[b], self._train[b, rows]].unsqueeze(0)
                own = Parameters(layout, flat[b : b + 1], trained=False)
                layers.initialize(self._architecture, own, sample, generator)
                if members[b].y.dtype.kind == "i":  # training starts at the frequencies of the classes
                    counts = _class_counts(members[b].y, self._architecture.blocks or (self._architecture.n_outputs,))
                    own["out.bias"].add_(torch.as_tensor(np.log((counts + 1.0) / len(members[b].y))).to(flat))
        self._best = flat.clone()
        self._best_loss = np.full(len(members), np.inf)
        self._best_epoch = np.zeros(len(members), dtype=int)
        self._best_inverse_temperature = np.ones(len(members))
        for b, member in enumerate(members):
            if member.earlier is not None:
                self._go_on(b, member.earlier)

    @torch.no_grad()
    def _go_on(self, b: int, earlier: Mapping[str, Any]) -> None:
        """Set a network to the state that an earlier part of its training has left."""
        for name, values in (("flat", self._p.flat), ("mean", self._mean), ("square", self._square)):
            values[b] = torch.as_tensor(np.array(earlier[name]), device=self._device)
        self._best[b] = torch.as_tensor(np.array(earlier["best"]), device=self._device)
        if self._kept is not None:
            self._kept[b] = torch.as_tensor(np.array(earlier["kept"]), device=self._device)
        self._best_loss[b], self._best_epoch[b] = earlier["best_loss"], earlier["best_epoch"]
        self._best_inverse_temperature[b], self._losses[b] = earlier["inverse_temperature"], earlier["best_loss"]
        self._generators[b].set_state(torch.as_tensor(np.array(earlier["generator"])))

    def _state(self, b: int) -> dict[str, Any]:
        """Return the state of a network, from which `_go_on` continues."""
        arrays = {"flat": self._p.flat, "mean": self._mean, "square": self._square, "best": self._best}
        if self._kept is not None:
            arrays["kept"] = self._kept
        return {
            **{name: values[b].detach().cpu().numpy() for name, values in arrays.items()},
            "step": self._step_number,
            "epochs": self._n_epochs,
            "done": self._done,
            "best_loss": float(self._best_loss[b]),
            "best_epoch": int(self._best_epoch[b]),
            "inverse_temperature": float(self._best_inverse_temperature[b]),
            "generator": self._generators[b].get_state().numpy(),
        }

    def _load_rows(self, members: Sequence[FleetMember]) -> None:
        tables = {id(m.X): m for m in members}
        places = {key: place for place, key in enumerate(tables)}
        n_rows = max(len(m.X) for m in tables.values())
        self._X = torch.zeros(len(tables), n_rows, members[0].X.shape[1])
        kind = torch.int64 if members[0].y.dtype.kind == "i" else torch.float
        self._y = torch.zeros(len(tables), n_rows, *members[0].y.shape[1:], dtype=kind)
        self._weight = torch.zeros(len(tables), n_rows)
        for place, m in enumerate(tables.values()):
            self._X[place, : len(m.X)] = torch.as_tensor(m.X)
            self._y[place, : len(m.y)] = torch.as_tensor(m.y)
            self._weight[place, : len(m.weight)] = torch.as_tensor(m.weight)
        self._table_number = torch.tensor([places[id(m.X)] for m in members])
        # Whether a row counts in the training; None where all rows do.
        self._kept = torch.ones(len(members), n_rows) if self._config.forgotten_share else None
        self._train, self._n_train = _padded([m.train for m in members])
        self._validation, self._n_validation = _padded([m.validation for m in members])
        for name in ("_X", "_y", "_weight", "_table_number", "_train", "_n_train", "_validation", "_n_validation"):
            setattr(self, name, getattr(self, name).to(self._device))
        if self._kept is not None:
            self._kept = self._kept.to(self._device)

    def run(self) -> list[Trained]:
        step, total = self._step_number, self._config.epochs * self._n_steps
        last_epoch = max(1, round(self._share * self._config.epochs))
        for epoch in range(self._n_epochs + 1, last_epoch + 1):
            rows, present = self._assign_rows()
            done = 0.0
            for batch in range(self._n_steps):
                done = max(step / total, self._spent())
                if done >= 1.0 or self._spent() >= self._share:
                    break
                self._take_step(rows[:, :, batch], present[:, :, batch], self._step_factors(done, step + 1))
                step += 1
            self._n_epochs_unchanged += 1
            self._step_number, self._n_epochs, self._done = step, epoch, max(step / total, self._spent())
            self._keep_best(epoch)
            self._drop_worse_half(max(step / total, self._spent()))
            self._forget_rows(max(step / total, self._spent()))
            if done >= 1.0 or self._spent() >= self._share or not self._numbers:
                break
        cut = self._share == 1 and step < total and self._spent() >= 1.0
        self._finish(np.arange(len(self._numbers)), cut, goes_on=True)
        return [trained for trained in self._results if trained is not None]

    def _spent(self) -> float:
        """Return how far the training is by the time limit, as a share of the whole training."""
        if self._deadline.limit is None:
            return 0.0
        spent = 1.0 if self._deadline.passed() else self._deadline.spent / self._deadline.limit
        return self._begun + (self._share - self._begun) * spent

    def _assign_rows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the row numbers of an epoch and which of them count, both of shape (n_networks, batch size, n_steps).

        Rows are assigned to the batches in turn. On a processor a network with a row more or less than the others thus
        has the same batches as without the others; on a device one generator shuffles the rows of all networks.
        """
        size = math.ceil(int(self._n_train.max()) / self._n_steps)
        present = torch.arange(size * self._n_steps, device=self._device) < self._n_train.unsqueeze(1)
        if self._device_generator is None:
            order = torch.zeros(present.shape, dtype=torch.int64)
            for b, generator in enumerate(self._generators):
                n = int(self._n_train[b])
                order[b, :n] = torch.randperm(n, generator=generator)
        else:
            keys = torch.rand(present.shape, device=self._device, generator=self._device_generator)
            order = torch.where(present, keys, 2.0).argsort(dim=1) * present
        rows = self._train.gather(1, order)
        shape = (len(self._numbers), size, self._n_steps)
        return rows.view(shape), present.view(shape)

    def _step_factors(self, done: float, step: int) -> StepFactors:
        first, second = self._config.betas
        fade = _flat_cos(done) if self._config.fade_regularization else 1.0
        correct = math.sqrt(1 - second**step)
        return StepFactors(_SCHEDULES[self._config.schedule](done), fade, correct, correct / (1 - first**step))

    def _take_step(self, rows: torch.Tensor, present: torch.Tensor, factors: StepFactors) -> None:
        """Take one training step; on a device replay a captured step once the fleet is unchanged for an epoch."""
        if self._captured is None and self._device_generator is not None and self._n_epochs_unchanged:
            self._capture(rows, present, self._device_generator)
        if self._captured is None:
            self._step(rows, present, factors)
        else:
            self._captured.replay(rows, present, factors)

    def _capture(self, rows: torch.Tensor, present: torch.Tensor, generator: torch.Generator) -> None:
        if not CapturedStep.works:
            return
        before = generator.get_state()
        try:
            self._captured = CapturedStep(self._step, rows, present, generator)
        except RuntimeError:
            # The capture may have stopped half-way and may have left its generator in use.
            CapturedStep.works = False
            self._device_generator = torch.Generator(generator.device)
            self._device_generator.set_state(before)

    def _step(self, rows: torch.Tensor, present: torch.Tensor, factors: StepFactors) -> None:
        table = self._table_number.unsqueeze(1)
        weight = self._weight[table, rows] * present
        if self._kept is not None:
            weight = weight * self._kept.gather(1, rows)
        if self._device_generator is None:
            dropout: Dropout = FleetDropout(self._rates["dropout"] * factors.regularization, self._generators, present)
        else:
            dropout = DeviceDropout(self._rates["dropout"] * factors.regularization, self._device_generator)
        out = layers.forward(self._architecture, self._p, self._X[table, rows], dropout)
        smoothing, blocks = self._rates["label_smoothing"], self._architecture.blocks
        losses = training_losses(out, self._y[table, rows], smoothing, self._config, blocks, self._levels)
        loss = ((losses * weight).sum(1) / present.sum(1).clamp(min=1)).sum()
        torch.autograd.backward(loss)
        self._update_weights(factors)

    @torch.no_grad()
    def _update_weights(self, factors: StepFactors) -> None:
        """Update the weights of all networks by Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""
        first, second = self._config.betas
        rates = (self._rates["learning_rate"] * factors.learning_rate).unsqueeze(1)
        decays = self._rates["weight_decay"].unsqueeze(1) * (factors.regularization * rates)
        steps = rates * factors.step
        # On a processor one network at a time: its weights stay in the cache from one operation to the next.
        size = 1 if self._device == "cpu" else len(self._numbers)
        for b in range(0, len(self._numbers), size):
            rows = slice(b, b + size)
            flat, grad, mean, square = self._p.flat[rows], self._p.grad[rows], self._mean[rows], self._square[rows]
            if math.isfinite(self._config.max_gradient_norm):
                norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
                grad.mul_((self._config.max_gradient_norm / (norm + 1e-6)).clamp(max=1.0))
            mean.lerp_(grad, 1 - first)
            square.mul_(second).addcmul_(grad, grad, value=1 - second)
            flat.addcmul_(flat, decays[rows] * self._decay, value=-1)
            # The gradients are no longer needed, so their memory holds the step.
            torch.sqrt(square, out=grad).add_(1e-8 * factors.root)
            torch.div(mean, grad, out=grad)
            flat.addcmul_(grad, steps[rows] * self._rate, value=-1)
            grad.zero_()

    def _keep_best(self, epoch: int) -> None:
        """Store the weights of networks with a new lowest loss; end networks whose patience is over."""
        losses, inverse_temperature = np.full(len(self._numbers), -float(epoch)), np.ones(len(self._numbers))
        if self._validation.shape[1]:
            losses, inverse_temperature = self._validate()
        better = losses <= self._best_loss
        rows = torch.as_tensor(np.flatnonzero(better), device=self._device)
        self._best[rows] = self._p.flat[rows]
        self._best_loss[better], self._best_epoch[better] = losses[better], epoch
        self._best_inverse_temperature[better] = inverse_temperature[better]
        self._losses[self._numbers] = self._best_loss
        waited = epoch - self._best_epoch - self._config.patience_growth * self._best_epoch
        self._finish(np.flatnonzero(waited >= self._config.patience))

    def _validate(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest mean validation loss of each network, and the inverse temperature that gives this loss."""
        present = torch.arange(self._validation.shape[1], device=self._device) < self._n_validation.unsqueeze(1)
        table = self._table_number.unsqueeze(1)
        weight = self._weight[table, self._validation] * present
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-12)
        y = self._y[table, self._validation]
        out = forward_in_blocks(self._architecture, self._p, self._X[table, self._validation])
        if self._levels is not None:
            each = [pinball_losses(out.mean(2), y, self._levels)]
        elif y.dtype != torch.int64 and y.dim() == 3:
            each = [errors(out.mean(2), y, self._config.loss).mean(2)]
        elif y.dtype != torch.int64:
            each = [errors(out.mean((2, 3)), y, self._config.loss)]
        else:
            blocks = self._architecture.blocks
            each = [log_losses(s * out, y, blocks) for s in INVERSE_TEMPERATURES]
        losses = np.nan_to_num(torch.stack([(loss * weight).sum(1) for loss in each]).cpu().numpy(), nan=np.inf)
        return losses.min(axis=0), np.asarray(INVERSE_TEMPERATURES)[losses.argmin(axis=0)]

    @torch.no_grad()
    def _forget_rows(self, done: float) -> None:
        """Choose the rows that count in the next epoch, by their losses in other networks of the same table."""
        if self._kept is None or not self._numbers:
            return
        table = self._table_number.unsqueeze(1)
        out = forward_in_blocks(self._architecture, self._p, self._X[table, self._train])
        losses = log_losses(out, self._y[table, self._train], self._architecture.blocks)
        # In place: a captured step reads this tensor.
        share = self._config.forgotten_share * min(1.0, done / RAMP)
        self._kept.copy_(
            small_loss_rows(losses, self._train, self._n_train, self._table_number, share, self._kept.shape[1])
        )

    def _drop_worse_half(self, done: float) -> None:
        """End the worse half of the configurations for each rung that the training has passed."""
        passed = sum(rung <= done for rung in self._rungs)
        del self._rungs[:passed]
        if self._configuration_numbers is None or not self._validation.shape[1]:
            return
        for _ in range(passed):
            own = self._configuration_numbers[self._numbers]
            left = np.unique(own)
            if len(left) < 2:
                return
            means = np.array([self._losses[self._configuration_numbers == number].mean() for number in left])
            kept = left[np.argsort(means, kind="stable")[: math.ceil(len(left) / 2)]]
            self._finish(np.flatnonzero(~np.isin(own, kept)))

    def _finish(self, rows: np.ndarray, cut: bool = False, goes_on: bool = False) -> None:
        """Store the results of networks and remove them from the fleet.

        `cut` says whether the time has ended them, and `goes_on` whether a later part of the training may go on.
        """
        for b in rows:
            best = Parameters(self._architecture.layout(), self._best[b : b + 1].clone(), trained=False)
            for name in ("out.weight", "out.bias"):
                best[name].mul_(float(self._best_inverse_temperature[b]))
            weights, epoch = best.flat[0].cpu().numpy(), max(1, int(self._best_epoch[b]))
            state: dict[str, Any] | None = None
            if self._share < 1:
                state = self._state(b) if goes_on else {"weights": weights, "epoch": epoch}
            self._results[self._numbers[b]] = Trained(weights, epoch, cut, state)
        if not len(rows):
            return
        self._captured, self._n_epochs_unchanged = None, 0
        kept = np.setdiff1d(np.arange(len(self._numbers)), rows)
        index = torch.as_tensor(kept, device=self._device)
        self._numbers = [self._numbers[b] for b in kept]
        self._generators = [self._generators[b] for b in kept]
        self._best_loss, self._best_epoch = self._best_loss[kept], self._best_epoch[kept]
        self._best_inverse_temperature = self._best_inverse_temperature[kept]
        self._p = Parameters(self._architecture.layout(), self._p.flat.detach()[index])
        self._rates = {name: values[index] for name, values in self._rates.items()}
        for name in (
            "_mean",
            "_square",
            "_best",
            "_table_number",
            "_train",
            "_n_train",
            "_validation",
            "_n_validation",
        ):
            setattr(self, name, getattr(self, name)[index])
        if self._kept is not None:
            self._kept = self._kept[index]


def end_of_part(share: float, schedule: str) -> float:
    """Return where a part of the training ends: where a wave of "coslog4" ends, before a share of the schedule.

    In the middle of a wave, the learning rate is so high that losses say little.

    >>> [round(end_of_part(share, "coslog4"), 3) for share in (1 / 27, 1 / 9, 1 / 3, 1.0)]
    [0.037, 0.067, 0.2, 1.0]
    """
    return max((end for end in RUNGS if schedule == "coslog4" and end <= share < 1), default=share)


def _padded(rows: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return row numbers as a matrix filled up with zeros, and the number of valid entries in each row."""
    out = torch.zeros(len(rows), max(len(r) for r in rows), dtype=torch.int64)
    for place, r in zip(out, rows, strict=True):
        place[: len(r)] = torch.as_tensor(r)
    return out, torch.tensor([len(r) for r in rows])


def _class_counts(y: np.ndarray, n_classes: Sequence[int]) -> np.ndarray:
    """Return the number of rows of each class; the classes of several targets lie side by side."""
    targets = y.reshape(len(y), -1).T
    known = [own[own >= 0] for own in targets]  # of an order, a row has no answer to questions above its class
    return np.concatenate([np.bincount(own, minlength=n) for own, n in zip(known, n_classes, strict=True)])


def _flat_cos(done: float) -> float:
    return 1.0 if done < 0.5 else 0.5 * (1 + math.cos(math.pi * (2 * done - 1)))


def _coslog4(done: float) -> float:
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * done)))


_SCHEDULES = {"flat_cos": _flat_cos, "coslog4": _coslog4}
