"""What extractors over torchvision's models share: which of the weights that it publishes for a model is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.extractors.network import Network
from bench.extractors.weights import ENDINGS


class TorchvisionNetwork(Network):
    """Subclasses have `model`; `given` is a file, a name of published weights, or None for the default ones."""

    model: str

    def published(self, models_known: Sequence[str]) -> Any:
        """The member of the model's weights enum that is meant; UsageError for a model that is not among the known ones
        or weights that it does not have."""
        from torchvision import models

        if self.model not in models_known:
            self.unknown_model(self.model, did_you_mean(self.model, models_known))
        known = models.get_model_weights(self.model)
        name = "DEFAULT" if self.given is None or self._is_path() else self.given
        if name not in known.__members__:
            raise UsageError(
                f"torchvision knows no weights '{name}' of {self.model}, and there is no such file."
                f"{did_you_mean(name, known.__members__)}"
            )
        return known[name]

    def _is_path(self) -> bool:
        return self.given is not None and (self.given.endswith(ENDINGS) or "/" in self.given)
