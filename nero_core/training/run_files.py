"""The files of a run, which survive a kill at any moment."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from nero_core.atomic import new_file, part_of, write_text
from nero_core.errors import CheckpointError, NeroError
from nero_core.models.checkpoint import CARD, WEIGHTS, ModelCard, save_checkpoint
from nero_core.training.features import Features
from nero_core.training.learner import Learner
from nero_core.training.progress import EpochMetrics

RUN, STATE, FEATURES, METRICS = "state.json", "state.safetensors", "features.safetensors", "metrics.jsonl"
DATA = "data"  # the setting that every run has: the fingerprint of its images
#: with what runs of earlier versions were writing when they were killed
OWN = frozenset(name + part for name in (RUN, STATE, FEATURES, METRICS, CARD, WEIGHTS) for part in ("", ".part"))

START = "start"  # where state.json keeps the digest of weights that were downloaded


class RunFiles:
    """The files of a run. ``state.safetensors`` is replaced in one move and holds everything that resuming needs.

    Used in a ``with`` block, at whose end the folder is free for other processes.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._lock: int | None = None

    def __enter__(self) -> "RunFiles":
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def open(
        self,
        settings: dict[str, Any],
        resume: bool,
        machine: Mapping[str, Any],
        on_warning: Callable[[str], object],
    ) -> ModelCard | None:
        """Claim the folder for these settings; the card when the run is finished already.

        Args:
            settings: everything that the weights depend on.
            resume: False drops the run that the folder holds, but keeps its checkpoint until there is a new one; the
                files of another program are never touched.
            machine: what changes the last bits of the weights: threads, device, versions.
            on_warning: told where the run was begun with another ``machine``.

        Raises:
            CheckpointError: the folder holds another run, or files of another program, or another process writes there.
            NeroError: the folder cannot be made or listed.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._claim()
            names = {path.name for path in self.out.iterdir()}
        except OSError as error:
            raise NeroError(
                f"Expected a folder to write to. Found {self.out}: {error.strerror}. Name another --out."
            ) from error
        self._check_own(names)
        begun = json.dumps({**settings, **machine}, indent=1) + "\n"
        if not resume:
            self._drop_state()
            self._write(RUN, begun)
            return None
        card: ModelCard | None = None
        if (self.out / RUN).is_file():
            recorded = self._read(RUN)
        elif (self.out / CARD).is_file():
            try:
                card = ModelCard.model_validate(self._read(CARD))
            except ValueError as error:
                raise self._foreign(CARD) from error
            recorded = card.training.settings
        else:
            self._drop_state()
            self._write(RUN, begun)
            return None
        different = [
            f"{key} {recorded.get(key)!r}, not {value!r}"
            for key, value in settings.items()
            if recorded.get(key) != value
        ]
        if different:
            raise CheckpointError(
                f"Expected {self.out} to be empty or to hold this very run. Found another one: {'; '.join(different)}. "
                "Name another --out, give the same options, or start over with --restart."
            )
        if card is not None:  # killed while tidying up
            self._drop_state()
            return card
        changed = [
            f"{key} {recorded[key]!r}, now {value!r}"
            for key, value in machine.items()
            if recorded.get(key, value) != value
        ]
        if changed and (self.out / STATE).is_file():
            on_warning(
                f"The run in {self.out} was begun with {'; '.join(changed)}. It goes on, but not to the very weights "
                "of a run that was never stopped."
            )
        return None

    def check_start(self, digest: str) -> None:
        """See that a run goes on from the weights that it began with, which are not in a file that is named.

        Raises:
            CheckpointError: it does not.
        """
        recorded = self._read(RUN)
        if recorded.setdefault(START, digest) != digest:
            raise CheckpointError(
                f"Expected the starting weights that the run in {self.out} began with ({str(recorded[START])[:12]}…). "
                f"Found others ({digest[:12]}…): timm has new ones. Start over with --restart, or name another --out."
            )
        self._write(RUN, json.dumps(recorded, indent=1) + "\n")

    def load(self, learner: Learner) -> list[EpochMetrics]:
        """Put the learner where the last complete epoch left it; the epochs so far.

        Raises:
            CheckpointError: the state is not one of this classifier.
        """
        path = self.out / STATE
        if not path.is_file():
            return []
        try:
            with safe_open(path, framework="pt") as file:
                history = [EpochMetrics(**line) for line in json.loads(file.metadata()["history"])]
            learner.load(load_file(path))
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._foreign(STATE) from error
        self._write_metrics(history)
        return history

    def save(self, learner: Learner, history: list[EpochMetrics]) -> None:
        """Keep a complete epoch."""
        with new_file(self.out / STATE, alone=True) as part:
            save_file(learner.state(), part, {"history": json.dumps([line.record() for line in history])})
        self._write_metrics(history)

    def finish(self, model: nn.Module, card: ModelCard, half: bool) -> None:
        """Write the checkpoint over an older one, then drop the state: a kill in between writes it again."""
        save_checkpoint(self.out, model, card, half)
        (self.out / RUN).unlink(missing_ok=True)
        self._drop_state()

    def load_features(self, parts: Mapping[str, Features]) -> bool:
        """Take over the features that an earlier start of this run computed; False where there are none to use."""
        try:
            tensors = load_file(self.out / FEATURES)
        except (SafetensorError, OSError, ValueError):
            return False  # they are computed again
        if {name: tensor.shape for name, tensor in tensors.items()} != {
            name: part.values.shape for name, part in parts.items()
        }:
            return False
        for name, part in parts.items():
            part.values = tensors[name].float()
        return True

    def save_features(self, parts: Mapping[str, Features]) -> None:
        """Keep features, so that a run that goes on need not compute them again."""
        with new_file(self.out / FEATURES, alone=True) as file:
            save_file({name: part.values for name, part in parts.items()}, file)

    def _drop_state(self) -> None:
        for name in (STATE, FEATURES):
            for path in (self.out / name, self.out / f"{name}.part", part_of(self.out / name, alone=True)):
                path.unlink(missing_ok=True)

    def _check_own(self, names: set[str]) -> None:
        """Refuse a folder that is not one of ours: what training writes may stand in the way of somebody's work."""
        foreign = sorted(name for name in names - OWN if not name.startswith("."))
        if not foreign and WEIGHTS in names and not {CARD, RUN} & names:
            foreign = [WEIGHTS]
        if not foreign and CARD in names and not self._is_of_a_run(torn=RUN in names):
            foreign = [CARD]
        if foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise CheckpointError(
                f"Expected {self.out} to be empty or to hold a run of nero train and nothing else. "
                f"Found {foreign[0]}{more}, which is not of such a run. Name another --out."
            )

    def _is_of_a_run(self, torn: bool) -> bool:
        """Whether a run wrote the checkpoint here, so that it can make it again; ``torn``: what if that cannot be read.

        One of nero import-checkpoint, or made by hand, has no settings of a run.
        """
        try:
            card = ModelCard.model_validate_json((self.out / CARD).read_bytes())
        except (ValueError, OSError):
            return torn
        return DATA in card.training.settings

    def _claim(self) -> None:
        """Lock the folder, where the system can, until this object or its process ends."""
        if fcntl is None:
            return
        self._lock = os.open(self.out, os.O_RDONLY)  # the folder itself: no file of a lock is left behind
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CheckpointError(
                f"Expected to write to {self.out} alone. Found that another nero train is writing to {self.out}. "
                "Wait for its end, or name another --out."
            ) from error
        except OSError:
            return  # some network file systems have no locks

    def _write_metrics(self, history: list[EpochMetrics]) -> None:
        self._write(METRICS, "".join(json.dumps(line.record()) + "\n" for line in history))

    def _write(self, name: str, text: str) -> None:
        write_text(self.out / name, text, alone=True)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.out / name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise self._foreign(name) from error
        if not isinstance(content, dict):
            raise self._foreign(name)
        return content

    def _foreign(self, name: str) -> CheckpointError:
        return CheckpointError(
            f"Expected {self.out / name} to be a file of nero train. Found something else. "
            "Name another --out, or start over with --restart."
        )
