"""The devices of this machine on which networks can train and predict."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pipelines.libraries import is_installed

_GPUS = Path("/proc/driver/nvidia/gpus")


def has_cuda() -> bool:
    """Return whether torch will find a GPU, without the seconds of its import."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1") or not any(_GPUS.glob("*")):
        return False
    torch = find_spec("torch") if is_installed("torch") else None
    return any(any(Path(p, "lib").glob("*torch_cuda*")) for p in (torch and torch.submodule_search_locations) or ())


def torch_device(name: str) -> str:
    """Return a device of this machine: the processor where there is no GPU, even for a model trained on a GPU.

    Parameters
    ----------
    name : str
        "cpu", "cuda", "cuda:1" and so on, or "auto" for CUDA where there is a GPU.
    """
    import torch

    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return "cuda" if name == "auto" else name
