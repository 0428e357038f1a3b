"""Recovery after a rebalance, when the next one comes in its midst."""

from types import SimpleNamespace
from typing import Any

from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.recovery import RowRecovery


class Overtaken(RowRecovery):
    """Twice in a row its partitions are gone when their positions are to be set; then it ends."""

    should_stop = False
    signal_recovery_start: Any = SimpleNamespace(clear=lambda: None)

    def __init__(self) -> None:
        self._generation_id = 6
        self.generations: list[int] = []

    async def wait_for_stopped(self, *_: Any, **__: Any) -> bool:
        return len(self.generations) == 2

    async def _wait(self, coro: Any, *_: Any) -> None:
        await coro

    async def _recover(self, generation: int) -> None:
        self.generations.append(generation)
        self._generation_id += 1
        raise IllegalStateError(f"No current assignment for {TopicPartition('clicks', 0)}")


async def test_partitions_that_are_gone_again_are_left_to_the_next_rebalance() -> None:
    """Between the look at the generation and the seek, aiokafka may have another assignment."""
    recovery = Overtaken()
    await RowRecovery._restart_recovery.fun(recovery)
    assert recovery.generations == [6, 7]
