"""The files of a run, which survive a kill at any moment."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from nero_core.errors import CheckpointError, NeroError
from nero_core.models.checkpoint import CARD, WEIGHTS, ModelCard, save_checkpoint
from nero_core.models.import_checkpoint import IMPORTED
from nero_core.training.features import Features
from nero_core.training.learner import Learner
from nero_core.training.progress import EpochMetrics

RUN, STATE, FEATURES, METRICS = "state.json", "state.safetensors", "features.safetensors", "metrics.jsonl"
OWN = frozenset(name + part for name in (RUN, STATE, FEATURES, METRICS, CARD, WEIGHTS) for part in ("", ".part"))


class RunFiles:
    """The files of a run. ``state.safetensors`` is replaced in one move and holds everything that resuming needs."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def open(self, settings: dict[str, Any], resume: bool) -> ModelCard | None:
        """Claim the folder for these settings; the card when the run is finished already.

        Args:
            settings: everything that the weights depend on.
            resume: False drops the run that the folder holds; the files of another program are never touched.

        Raises:
            CheckpointError: the folder holds another run, or files of another program.
            NeroError: the folder cannot be made or listed.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            names = {path.name for path in self.out.iterdir()}
        except OSError as error:
            raise NeroError(
                f"Expected a folder to write to. Found {self.out}: {error.strerror}. Name another --out."
            ) from error
        self._check_own(names)
        if not resume:
            self._drop_state()
            self._write(RUN, json.dumps(settings, indent=1) + "\n")  # first, so that a kill here leaves a run to go on
            for name in (CARD, WEIGHTS, METRICS):
                (self.out / name).unlink(missing_ok=True)
            return None
        card: ModelCard | None = None
        if (self.out / RUN).is_file():
            found = self._read(RUN)
        elif (self.out / CARD).is_file():
            try:
                card = ModelCard.model_validate(self._read(CARD))
            except ValueError as error:
                raise self._foreign(CARD) from error
            found = card.training.settings
        else:
            self._drop_state()
            self._write(RUN, json.dumps(settings, indent=1) + "\n")
            return None
        different = [
            f"{key} {found.get(key)!r}, not {value!r}" for key, value in settings.items() if found.get(key) != value
        ]
        if different:
            raise CheckpointError(
                f"Expected {self.out} to be empty or to hold this very run. Found another one: {'; '.join(different)}. "
                "Name another --out, give the same options, or start over with --restart."
            )
        if card is not None:  # killed while tidying up
            self._drop_state()
        return card

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
        partial = self.out / f"{STATE}.part"
        save_file(learner.state(), partial, {"history": json.dumps([asdict(line) for line in history])})
        partial.replace(self.out / STATE)
        self._write_metrics(history)

    def finish(self, model: nn.Module, card: ModelCard, half: bool) -> None:
        """Write the checkpoint, then drop the state: a kill in between writes it again."""
        save_checkpoint(self.out, model, card, half)
        (self.out / RUN).unlink(missing_ok=True)
        self._drop_state()

    def load_features(self, parts: Mapping[str, Features]) -> bool:
        """Take over the features that an earlier start of this run computed; False where there are none to use."""
        try:
            kept = load_file(self.out / FEATURES)
        except (SafetensorError, OSError, ValueError):
            return False  # they are computed anew
        if {name: tensor.shape for name, tensor in kept.items()} != {
            name: part.values.shape for name, part in parts.items()
        }:
            return False
        for name, part in parts.items():
            part.values = kept[name].float()
        return True

    def save_features(self, parts: Mapping[str, Features]) -> None:
        """Keep features, so that a run that goes on need not compute them again."""
        partial = self.out / f"{FEATURES}.part"
        save_file({name: part.values for name, part in parts.items()}, partial)
        partial.replace(self.out / FEATURES)

    def _drop_state(self) -> None:
        for name in (STATE, FEATURES):
            for part in ("", ".part"):
                (self.out / f"{name}{part}").unlink(missing_ok=True)

    def _check_own(self, names: set[str]) -> None:
        """Refuse a folder that is not one of ours: what training writes may stand in the way of somebody's work."""
        foreign = sorted(name for name in names - OWN if not name.startswith("."))
        if not foreign and WEIGHTS in names and not {CARD, RUN} & names:
            foreign = [WEIGHTS]
        if not foreign and CARD in names and RUN not in names and self._is_imported():
            foreign = [CARD]
        if foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise CheckpointError(
                f"Expected {self.out} to be empty or to hold a run of nero train and nothing else. "
                f"Found {foreign[0]}{more}, which is not of such a run. Name another --out."
            )

    def _is_imported(self) -> bool:
        """Whether the checkpoint here is one of nero import-checkpoint, which no run can make again."""
        try:
            card = ModelCard.model_validate_json((self.out / CARD).read_bytes())
        except (ValueError, OSError):
            return False
        return IMPORTED in card.training.settings

    def _write_metrics(self, history: list[EpochMetrics]) -> None:
        self._write(METRICS, "".join(json.dumps(asdict(line)) + "\n" for line in history))

    def _write(self, name: str, text: str) -> None:
        partial = self.out / f"{name}.part"
        partial.write_text(text, encoding="utf-8")
        partial.replace(self.out / name)

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
