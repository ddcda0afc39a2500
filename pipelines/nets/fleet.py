"""Training of many networks at once: batched matrix products over a leading dimension, one network a row."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from pipelines.early_stopping import Deadline
from pipelines.nets.architectures import Architecture, Dropout
from pipelines.nets.cuda_graph import Pace, Recording
from pipelines.nets.parameters import Parameters, n_weights, per_weight

SAMPLE = 1024  # rows that an architecture sees when it fills its weights
# Networks train on into overconfidence while they still learn to rank; what their outputs are multiplied with is chosen
# together with the best epoch, as in temperature scaling (Guo et al., 2017, arXiv:1706.04599, section 4.2).
SHARPNESS = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2)
# Of the training: where the waves of "coslog4" end, all networks have come to rest and can be compared.
RUNGS = (1 / 15, 3 / 15, 7 / 15)
LARGEST_BLOCK = 2**23  # numbers in the widest layer of one forward pass without gradients


@dataclass(frozen=True)
class Recipe:
    """How to train a network; the first four may differ within a fleet.

    Attributes
    ----------
    schedule : {"coslog4", "flat_cos"}
        Of the step size over the training: four falling waves, or constant with a falling second half.
    fades : bool
        Dropout and weight decay fall like "flat_cos".
    patience : int
        The training of a network ends after so many epochs without a lower validation loss, and `stretch` times the
        best epoch more: a long climb may take a long breath.
    clip : float
        Largest norm of a network's gradient; infinite for none.
    """

    learning_rate: float
    weight_decay: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    schedule: str = "coslog4"
    fades: bool = False
    epochs: int = 256
    batch_size: int = 256
    patience: int = 256
    stretch: float = 0.0
    clip: float = math.inf
    betas: tuple[float, float] = (0.9, 0.95)


@dataclass(frozen=True)
class Member:
    """One network to train, and its rows.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_inputs), float32
    y : ndarray of shape (n_samples,)
        Class codes or floats.
    weight : ndarray of shape (n_samples,)
        With mean one.
    train, validation : ndarrays of int
        Row numbers; without validation rows the last epoch counts.
    """

    architecture: Architecture
    recipe: Recipe
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    seed: int

    @property
    def n_steps(self) -> int:
        """Batches an epoch, of about equal size."""
        return max(1, round(len(self.train) / self.recipe.batch_size))

    @property
    def group(self) -> tuple[object, ...]:
        """What the networks of one fleet have in common."""
        common = replace(self.recipe, learning_rate=0.0, weight_decay=0.0, dropout=0.0, label_smoothing=0.0)
        return self.architecture, common, self.n_steps, self.y.dtype.kind, len(self.validation) > 0


@dataclass(frozen=True)
class Trained:
    """The weights of the best epoch, shape (n_weights,), and its number, counted from one."""

    weights: np.ndarray
    epoch: int


def train(
    members: Sequence[Member], deadline: Deadline, device: str = "cpu", contenders: Sequence[int] | None = None
) -> list[Trained]:
    """Train all networks, those of one shape together.

    When a device runs out of memory, the fleet is halved and each half trained by itself.

    Parameters
    ----------
    deadline : Deadline
        The step sizes run through their schedule by then, whatever number of epochs that allows.
    contenders : sequence of int, optional
        For each network the configuration that it belongs to: three times on the way the worse half of them ends its
        training, by the mean validation loss of its networks (successive halving, Jamieson and Talwalkar, 2016).
        Without, all train to their end.

    Returns
    -------
    list of Trained
        In the order of `members`.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, member in enumerate(members):
        groups.setdefault(member.group, []).append(number)
    done: dict[int, Trained] = {}
    for numbers in groups.values():
        left = None if deadline.limit is None else deadline.left * len(numbers) / (len(members) - len(done))
        of = None if contenders is None else [contenders[i] for i in numbers]
        found = _train_group([members[i] for i in numbers], Deadline(left), device, of)
        done.update(zip(numbers, found, strict=True))
    return [done[number] for number in range(len(members))]


def _train_group(
    members: Sequence[Member], deadline: Deadline, device: str, contenders: Sequence[int] | None
) -> list[Trained]:
    try:
        with warnings.catch_warnings():
            # The gradients lie in one matrix on purpose.
            warnings.filterwarnings("ignore", message="grad and param do not obey")
            return _Fleet(members, deadline, device, contenders).run()
    except torch.OutOfMemoryError:
        if len(members) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(members) // 2
    of = (None, None) if contenders is None else (contenders[:half], contenders[half:])
    left = None if deadline.limit is None else deadline.left * half / len(members)
    first = _train_group(members[:half], Deadline(left), device, of[0])
    left = None if deadline.limit is None else deadline.left
    return first + _train_group(members[half:], Deadline(left), device, of[1])


class _Fleet:
    """Networks of one shape in training; row b of every tensor belongs to network b."""

    def __init__(self, members: Sequence[Member], deadline: Deadline, device: str, contenders: Sequence[int] | None):
        if device != "cpu":
            torch.set_float32_matmul_precision("high")  # products in TensorFloat32, sums and weights in float32
        self._contenders = None if contenders is None else np.asarray(contenders)
        self._rungs = list(RUNGS)
        self._losses = np.full(len(members), np.inf)  # lowest so far, of all that ever were in the fleet
        self._architecture, self._recipe = members[0].architecture, members[0].recipe
        self._n_steps, self._deadline, self._device = members[0].n_steps, deadline, device
        self._numbers = list(range(len(members)))
        self._results: list[Trained | None] = [None] * len(members)
        self._rates = {
            name: torch.tensor([getattr(m.recipe, name) for m in members], device=device, dtype=torch.float32)
            for name in ("learning_rate", "weight_decay", "dropout", "label_smoothing")
        }
        self._generators = [torch.Generator().manual_seed(m.seed) for m in members]
        # A call for each network would keep an accelerator waiting: there, one generator serves all of them.
        self._device_generator = None if device == "cpu" else torch.Generator(device).manual_seed(members[0].seed)
        self._recording: Recording | None = None
        self._n_epochs_alike = 0  # since the fleet has these networks
        self._load_rows(members)
        layout = self._architecture.layout()
        self._rate = per_weight(layout, "rate").to(device)
        self._decay = self._rate * per_weight(layout, "decay").to(device)
        flat = torch.zeros(len(members), n_weights(layout), device=device)
        self._p = Parameters(layout, flat)
        self._mean, self._square = torch.zeros_like(flat), torch.zeros_like(flat)
        with torch.no_grad():
            for b, generator in enumerate(self._generators):
                rows = torch.randperm(int(self._n_train[b]), generator=generator)[:SAMPLE]
                sample = self._X[self._slot[b], self._train[b, rows]].unsqueeze(0)
                own = Parameters(layout, flat[b : b + 1], trained=False)
                self._architecture.initialise(own, sample, generator)
                if members[b].y.dtype.kind == "i":  # training begins at the frequencies of the classes
                    counts = np.bincount(members[b].y, minlength=self._architecture.n_outputs)
                    own["out.bias"].add_(torch.as_tensor(np.log((counts + 1.0) / len(members[b].y))).to(flat))
        self._best = flat.clone()
        self._best_loss = np.full(len(members), np.inf)
        self._best_epoch = np.zeros(len(members), dtype=int)
        self._best_sharpness = np.ones(len(members))

    def _load_rows(self, members: Sequence[Member]) -> None:
        tables = {id(m.X): m for m in members}
        places = {key: place for place, key in enumerate(tables)}
        n_rows = max(len(m.X) for m in tables.values())
        self._X = torch.zeros(len(tables), n_rows, members[0].X.shape[1])
        self._y = torch.zeros(len(tables), n_rows, dtype=torch.int64 if members[0].y.dtype.kind == "i" else torch.float)
        self._weight = torch.zeros(len(tables), n_rows)
        for place, m in enumerate(tables.values()):
            self._X[place, : len(m.X)] = torch.as_tensor(m.X)
            self._y[place, : len(m.y)] = torch.as_tensor(m.y)
            self._weight[place, : len(m.weight)] = torch.as_tensor(m.weight)
        self._slot = torch.tensor([places[id(m.X)] for m in members])
        self._train, self._n_train = _padded([m.train for m in members])
        self._validation, self._n_validation = _padded([m.validation for m in members])
        for name in ("_X", "_y", "_weight", "_slot", "_train", "_n_train", "_validation", "_n_validation"):
            setattr(self, name, getattr(self, name).to(self._device))

    def run(self) -> list[Trained]:
        step, total = 0, self._recipe.epochs * self._n_steps
        for epoch in range(1, self._recipe.epochs + 1):
            rows, present = self._deal()
            done = 0.0
            for batch in range(self._n_steps):
                done = max(step / total, self._spent())
                if done >= 1.0:
                    break
                self._take(rows[:, :, batch], present[:, :, batch], self._pace(done, step + 1))
                step += 1
            self._n_epochs_alike += 1
            self._note(epoch)
            self._halve(max(step / total, self._spent()))
            if done >= 1.0 or not self._numbers:
                break
        self._leave(np.arange(len(self._numbers)))
        return [trained for trained in self._results if trained is not None]

    def _spent(self) -> float:
        """Share of the time."""
        if self._deadline.limit is None:
            return 0.0
        return 1.0 if self._deadline.passed() else self._deadline.spent / self._deadline.limit

    def _deal(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Row numbers of an epoch and whether they count, both of shape (n_networks, batch size, n_steps).

        Rows go to the batches in turn, so that networks with a row more or less have the same batches as alone (on a
        processor: on a device one generator deals for all of them).
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

    def _pace(self, done: float, step: int) -> Pace:
        first, second = self._recipe.betas
        fade = _flat_cos(done) if self._recipe.fades else 1.0
        correct = math.sqrt(1 - second**step)
        return Pace(_SCHEDULES[self._recipe.schedule](done), fade, correct, correct / (1 - first**step))

    def _take(self, rows: torch.Tensor, present: torch.Tensor, pace: Pace) -> None:
        """A step, on a device from a recording: of fleets that have kept their shape for an epoch, as it takes time."""
        if self._recording is None and self._device_generator is not None and self._n_epochs_alike:
            self._record(rows, present, self._device_generator)
        if self._recording is None:
            self._step(rows, present, pace)
        else:
            self._recording.replay(rows, present, pace)

    def _record(self, rows: torch.Tensor, present: torch.Tensor, generator: torch.Generator) -> None:
        if not Recording.works:
            return
        before = generator.get_state()
        try:
            self._recording = Recording(self._step, rows, present, generator)
        except RuntimeError:
            # It may have been left half-way, and so may its generator.
            Recording.works = False
            self._device_generator = torch.Generator(generator.device)
            self._device_generator.set_state(before)

    def _step(self, rows: torch.Tensor, present: torch.Tensor, pace: Pace) -> None:
        slot = self._slot.unsqueeze(1)
        weight = self._weight[slot, rows] * present
        if self._device_generator is None:
            dropout: Dropout = _Dropout(self._rates["dropout"] * pace.fade, self._generators, present)
        else:
            dropout = _DeviceDropout(self._rates["dropout"] * pace.fade, self._device_generator)
        out = self._architecture.forward(self._p, self._X[slot, rows], dropout)
        losses = _losses(out, self._y[slot, rows], self._rates["label_smoothing"])
        loss = ((losses * weight).sum(1) / present.sum(1).clamp(min=1)).sum()
        torch.autograd.backward(loss)
        self._move(pace)

    @torch.no_grad()
    def _move(self, pace: Pace) -> None:
        """Adam with decoupled weight decay (Loshchilov and Hutter, 2019) for all networks."""
        first, second = self._recipe.betas
        rates = (self._rates["learning_rate"] * pace.share).unsqueeze(1)
        decays = self._rates["weight_decay"].unsqueeze(1) * (pace.fade * rates)
        steps = rates * pace.step
        # One network at a time on a processor: its weights then stay in the cache from one operation to the next.
        size = 1 if self._device == "cpu" else len(self._numbers)
        for b in range(0, len(self._numbers), size):
            rows = slice(b, b + size)
            flat, grad, mean, square = self._p.flat[rows], self._p.grad[rows], self._mean[rows], self._square[rows]
            if math.isfinite(self._recipe.clip):
                norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
                grad.mul_((self._recipe.clip / (norm + 1e-6)).clamp(max=1.0))
            mean.lerp_(grad, 1 - first)
            square.mul_(second).addcmul_(grad, grad, value=1 - second)
            flat.addcmul_(flat, decays[rows] * self._decay, value=-1)
            # The gradients are spent: their memory takes the step.
            torch.sqrt(square, out=grad).add_(1e-8 * pace.correct)
            torch.div(mean, grad, out=grad)
            flat.addcmul_(grad, steps[rows] * self._rate, value=-1)
            grad.zero_()

    def _note(self, epoch: int) -> None:
        """Keep the weights of networks that are better than ever; let those go that have not been for long."""
        losses, sharpness = np.full(len(self._numbers), -float(epoch)), np.ones(len(self._numbers))
        if self._validation.shape[1]:
            losses, sharpness = self._validate()
        better = losses <= self._best_loss
        rows = torch.as_tensor(np.flatnonzero(better), device=self._device)
        self._best[rows] = self._p.flat[rows]
        self._best_loss[better], self._best_epoch[better] = losses[better], epoch
        self._best_sharpness[better] = sharpness[better]
        self._losses[self._numbers] = self._best_loss
        waited = epoch - self._best_epoch - self._recipe.stretch * self._best_epoch
        self._leave(np.flatnonzero(waited >= self._recipe.patience))

    def _validate(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss of each network on its validation rows, and the sharpness that it takes for that."""
        present = torch.arange(self._validation.shape[1], device=self._device) < self._n_validation.unsqueeze(1)
        slot = self._slot.unsqueeze(1)
        weight = self._weight[slot, self._validation] * present
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-12)
        y = self._y[slot, self._validation]
        out = _forward(self._architecture, self._p, self._X[slot, self._validation])
        if out.shape[3] == 1:
            each = [(out.mean((2, 3)) - y) ** 2]
        else:
            hits = y.view(*y.shape, 1, 1).expand(-1, -1, out.shape[2], 1)
            each = [-(s * out).softmax(3).gather(3, hits).mean((2, 3)).clamp(min=1e-12).log() for s in SHARPNESS]
        losses = np.nan_to_num(torch.stack([(loss * weight).sum(1) for loss in each]).cpu().numpy(), nan=np.inf)
        return losses.min(axis=0), np.asarray(SHARPNESS)[losses.argmin(axis=0)]

    def _halve(self, done: float) -> None:
        """Go on without the worse half of the contenders, where there are any, for each rung that is passed."""
        passed = sum(rung <= done for rung in self._rungs)
        del self._rungs[:passed]
        if self._contenders is None or not self._validation.shape[1]:
            return
        for _ in range(passed):
            there = self._contenders[self._numbers]
            names = np.unique(there)
            if len(names) < 2:
                return
            means = np.array([self._losses[self._contenders == name].mean() for name in names])
            kept = names[np.argsort(means, kind="stable")[: math.ceil(len(names) / 2)]]
            self._leave(np.flatnonzero(~np.isin(there, kept)))

    def _leave(self, rows: np.ndarray) -> None:
        """Note the results of networks and go on without them."""
        for b in rows:
            best = Parameters(self._architecture.layout(), self._best[b : b + 1].clone(), trained=False)
            for name in ("out.weight", "out.bias"):
                best[name].mul_(float(self._best_sharpness[b]))
            self._results[self._numbers[b]] = Trained(best.flat[0].cpu().numpy(), max(1, int(self._best_epoch[b])))
        if not len(rows):
            return
        self._recording, self._n_epochs_alike = None, 0
        kept = np.setdiff1d(np.arange(len(self._numbers)), rows)
        index = torch.as_tensor(kept, device=self._device)
        self._numbers = [self._numbers[b] for b in kept]
        self._generators = [self._generators[b] for b in kept]
        self._best_loss, self._best_epoch = self._best_loss[kept], self._best_epoch[kept]
        self._best_sharpness = self._best_sharpness[kept]
        self._p = Parameters(self._architecture.layout(), self._p.flat.detach()[index])
        self._rates = {name: values[index] for name, values in self._rates.items()}
        for name in ("_mean", "_square", "_best", "_slot", "_train", "_n_train", "_validation", "_n_validation"):
            setattr(self, name, getattr(self, name)[index])


class _Dropout:
    """Drops units with the probability of their network, drawn from that network's own generator.

    Rows that only fill up a batch draw nothing, so that a network meets the same numbers in any fleet.
    """

    def __init__(self, probability: torch.Tensor, generators: Sequence[torch.Generator], present: torch.Tensor):
        self._threshold = _threshold(probability)
        self._n_rows = present.shape[1]
        drops, counts = self._threshold.tolist(), present.sum(1).tolist()
        self._active = [(b, g, n) for b, (g, n, drop) in enumerate(zip(generators, counts, drops, strict=True)) if drop]

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        return _drop(X, self._noise(X), self._threshold) if self._active else X

    def _noise(self, X: torch.Tensor) -> torch.Tensor:
        """Random bytes of the shape of X."""
        a_row = X[0].numel() // self._n_rows
        noise = torch.zeros(len(X), math.ceil(X[0].numel() / 8), dtype=torch.int64)
        for b, generator, n_rows in self._active:
            noise[b, : math.ceil(n_rows * a_row / 8)].random_(-(2**63), None, generator=generator)
        return noise.view(torch.uint8)[:, : X[0].numel()].view(X.shape)


class _DeviceDropout:
    """Drops units with numbers from one generator, and asks the device nothing back, which it would be kept for."""

    def __init__(self, probability: torch.Tensor, generator: torch.Generator):
        self._threshold, self._generator = _threshold(probability), generator

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        noise = torch.empty(X.shape, dtype=torch.uint8, device=X.device).random_(0, 256, generator=self._generator)
        return _drop(X, noise, self._threshold)


def _threshold(probability: torch.Tensor) -> torch.Tensor:
    """The random bytes below which a unit is dropped."""
    return (256 * probability).round().clamp(max=255)


def _drop(X: torch.Tensor, noise: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    threshold = threshold.view(-1, *[1] * (X.ndim - 1))
    return X * ((noise >= threshold) * (256 / (256 - threshold)))


def _padded(rows: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Row numbers as a matrix filled up with zeros, and how many are meant in each row."""
    out = torch.zeros(len(rows), max(len(r) for r in rows), dtype=torch.int64)
    for place, r in zip(out, rows, strict=True):
        place[: len(r)] = torch.as_tensor(r)
    return out, torch.tensor([len(r) for r in rows])


def _losses(out: torch.Tensor, y: torch.Tensor, smoothing: torch.Tensor) -> torch.Tensor:
    """Cross entropy (class codes) or squared error (floats), mean over members, shape (n_networks, n_rows)."""
    if y.dtype != torch.int64:
        return ((out[..., 0] - y.unsqueeze(2)) ** 2).mean(2)
    log_p = functional.log_softmax(out, dim=3)
    hit = log_p.gather(3, y.view(*y.shape, 1, 1).expand(-1, -1, out.shape[2], 1))[..., 0].mean(2)
    share = smoothing.unsqueeze(1)
    return -(1 - share) * hit - share * log_p.mean(dim=(2, 3))


def _flat_cos(done: float) -> float:
    return 1.0 if done < 0.5 else 0.5 * (1 + math.cos(math.pi * (2 * done - 1)))


def _coslog4(done: float) -> float:
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * done)))


_SCHEDULES = {"flat_cos": _flat_cos, "coslog4": _coslog4}


def _forward(architecture: Architecture, p: Parameters, X: torch.Tensor) -> torch.Tensor:
    """Outputs without gradients, in blocks of bounded memory."""
    widest = max(slot.shape[-1] for slot in architecture.layout()) * getattr(architecture, "n_members", 1)
    block = max(1, LARGEST_BLOCK // (len(X) * widest))
    with torch.no_grad():
        return torch.cat([architecture.forward(p, part, _keep) for part in torch.split(X, block, dim=1)], dim=1)


def _keep(X: torch.Tensor) -> torch.Tensor:
    return X


def predict(architecture: Architecture, weights: np.ndarray, X: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Mean over networks and their members of probabilities or values, shape (n_samples, n_outputs).

    Parameters
    ----------
    weights : ndarray of shape (n_networks, n_weights)
    X : ndarray of shape (n_samples, n_inputs), float32
    """
    p = Parameters(architecture.layout(), torch.as_tensor(weights, device=device), trained=False)
    table = torch.as_tensor(X, device=device).unsqueeze(0).expand(len(weights), -1, -1)
    out = _forward(architecture, p, table)
    out = out.softmax(3) if architecture.n_outputs > 1 else out
    mean: np.ndarray = out.mean(dim=(0, 2)).double().cpu().numpy()
    return mean
