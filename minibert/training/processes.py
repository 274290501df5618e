"""Several processes that train one model together, as `torchrun` starts them.

    torchrun --nproc-per-node 2 -m minibert finetune glue --task mrpc ...

Every process has the whole model. Of every batch each computes a share; then the gradients' sums
and the denominators are added up over all of them, and all take the same step: that of one process
which has the whole batch. Shares may be ragged, or empty at the end of an epoch; frozen parameters
take no part. The dev set is shared out likewise. Only the first process writes and prints.

`DistributedDataParallel` would do the same sum while the backward pass still runs, but takes the
mean of equal shares, which ours are not. Source: Li et al. 2020, "PyTorch Distributed".
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """This process among all that train together; by default it is alone."""

    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        """Whether this is the one process that writes files."""
        return self.rank == 0

    def share(self, items: list[Item]) -> list[Item]:
        """This process's part of a list; all parts together are the list."""
        return items[self.rank :: self.count]

    def gather(self, items: list[Item]) -> list[Item]:
        """The items of all processes together, the same for each."""
        if self.count == 1:
            return items
        lists: list[list[Item]] = [[] for _ in range(self.count)]
        distributed.all_gather_object(lists, items)
        return [item for part in lists for item in part]

    def add_up(self, tensors: list[Tensor]) -> list[Tensor]:
        """The sum of each tensor over all processes; in one message, the same for each."""
        if self.count == 1:
            return tensors
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        return [
            summed.view_as(tensor).to(tensor.dtype)
            for tensor, summed in zip(tensors, sums, strict=True)
        ]

    def add_up_gradients(self, model: nn.Module) -> None:
        """Let every gradient be the sum of all processes'; who had no share of the batch adds 0."""
        if self.count == 1:
            return
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        mine = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        for parameter, summed in zip(trained, self.add_up(mine), strict=True):
            parameter.grad = summed

    def any(self, asked: bool) -> bool:
        """Whether any process says yes."""
        return asked if self.count == 1 else any(self.gather([asked]))

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            distributed.barrier()


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """All processes that `torchrun` has started, connected; without it this one alone.

    On GPUs each process takes the one of its local rank. All but the first are silent.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        processes = Processes(distributed.get_rank(), count)
        with ExitStack() as stack:
            if not processes.writes:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(nowhere))
            yield processes
    finally:
        distributed.destroy_process_group()
