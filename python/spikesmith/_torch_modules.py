"""Embedding networks that are modules of PyTorch, on their way to the core: as TorchScript in a file."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from typing import Any

__all__ = ["is_module", "with_module", "write_torchscript"]


def is_module(value: Any) -> bool:
    """Whether it is a torch.nn.Module. PyTorch is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def write_torchscript(network: Any) -> str:
    """Path of a file with the network, which exists until the interpreter ends.

    Raises TypeError for a network that TorchScript does not understand.
    """
    import torch

    try:
        script = network if isinstance(network, torch.jit.ScriptModule) else torch.jit.script(network)
    except Exception as error:
        raise TypeError(
            f"{type(network).__name__} cannot become TorchScript: {str(error).strip().splitlines()[0]}\n"
            "hint: torch.jit.trace(network, torch.zeros(2, number_of_features)) may do, and is accepted too"
        ) from error
    folder = tempfile.mkdtemp(prefix="spikesmith-network-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "network.pt")
    script.save(path)
    return path


def with_module(options: dict[str, Any]) -> dict[str, Any]:
    """The options of an inference with a module of PyTorch replaced by its file."""
    network = options.get("embedding_net")
    if not is_module(network):
        return options
    return {**options, "embedding_net": "torchscript", "embedding_file": write_torchscript(network)}
