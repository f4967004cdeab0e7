"""The types of the records' fields: what ``results.json`` may hold there, and how it is written.

A tensor is a list in the file, and a mapping an object. Numbers are taken as they are: no text counts as one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import torch
from jaxtyping import Float, Int
from pydantic import AfterValidator, Field, GetCoreSchemaHandler, WrapSerializer
from pydantic_core import CoreSchema, core_schema
from torch import Tensor

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Score = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Whole = Annotated[int, Field(strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Label = Annotated[int, Field(ge=0, lt=2**31, strict=True)]  # far above any, and within what a tensor holds
Positive = Annotated[int, Field(ge=1, strict=True)]
Name = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Setting = Annotated[bool, Field(strict=True)] | Whole | Score | str | None  # of a method, as JSON has it

_Value = TypeVar("_Value")
Fixed = Annotated[
    Mapping[str, _Value],
    AfterValidator(lambda given: MappingProxyType(dict(given))),  # a record is frozen, and so are its parts
    WrapSerializer(lambda value, serialize: serialize(dict(value))),
]


@dataclass(frozen=True, slots=True)
class _Listed:
    """Makes pydantic read a tensor from a list, and write it as one; a tensor is taken as it is."""

    item: Any
    dtype: torch.dtype

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._tensor,
            handler.generate_schema(list[self.item]),  # type: ignore[name-defined]
            serialization=core_schema.plain_serializer_function_ser_schema(Tensor.tolist),
        )

    def _tensor(self, value: object, read_list: Callable[[object], list[Any]]) -> Tensor:
        return value if isinstance(value, Tensor) else torch.tensor(read_list(value), dtype=self.dtype)


IdScores = Annotated[Float[Tensor, " id"], _Listed(Score, torch.float64)]
OodScores = Annotated[Float[Tensor, " ood"], _Listed(Score, torch.float64)]
OodLabels = Annotated[Int[Tensor, " ood"], _Listed(Label, torch.int64)]
