"""The three services of DICOMweb: QIDO-RS finds, WADO-RS fetches, STOW-RS stores (PS3.18)."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom.dataset import Dataset

from nero_core.data import StudyPlace
from nero_core.data.limits import Limits
from nero_core.errors import PacsError
from nero_core.pacs.session import BoundedSession
from nero_core.pacs.settings import PacsSettings

logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)  # it logs addresses and questions, names in them

PAGE = 200  # instances that are listed at once
_HEADERS = 2**20  # bytes of an answer beside the instance itself
_UID = re.compile(r"[0-9.]{1,64}")
AS_STORED = (("application/dicom", "*"),)  # not compressed anew on the way
#: what identifies somebody; shown where the operator says so
STUDY_TAGS = "PatientName PatientID PatientBirthDate AccessionNumber StudyDate StudyTime StudyDescription".split()


@dataclass(frozen=True, slots=True)
class Study:
    """A study that was found.

    Attributes:
        uid: its Study Instance UID.
        modalities: such as ``ES`` for endoscopy.
        instances: their number, None where the PACS does not tell.
        tags: name → value of what identifies it, of ``STUDY_TAGS``.
    """

    uid: str
    modalities: tuple[str, ...]
    instances: int | None
    tags: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a study.

    Attributes:
        study: UID of the study.
        series: UID of the series.
        uid: its own.
        sop_class: UID of its kind.
        series_number: None where the PACS does not tell.
        number: of the instance in its series; None where the PACS does not tell.
    """

    study: str
    series: str
    uid: str
    sop_class: str
    series_number: int | None = None
    number: int | None = None

    @property
    def place(self) -> StudyPlace:
        """By which instances are sorted."""
        return StudyPlace.numbered(self.study, self.series_number, self.series, self.number, self.uid)


class Archive:
    """One PACS.

    Args:
        settings: where it is and who asks it.
        limits: an instance may be as large as any other file.
    """

    def __init__(self, settings: PacsSettings, limits: Limits = Limits()) -> None:
        self.host = settings.host
        session = BoundedSession(settings, limits.max_bytes + _HEADERS)
        try:
            self._client = DICOMwebClient(settings.url, session=session, chunk_size=2**30)
        except ValueError:
            raise PacsError(f"{self.host}: expected the root of DICOMweb services; found no such address.") from None
        self._client.set_http_retry_params(retry=False)  # the session asks again, and questions only

    def find(self, limit: int = 20, **filters: str) -> list[Study]:
        """Studies (QIDO-RS).

        Args:
            limit: the most that are wanted.
            filters: keyword of an attribute → value, such as ``PatientID="1"``, ``StudyDate="20260101-"``.

        Raises:
            PacsError: the PACS does not answer, or refuses.
        """
        fields = ["ModalitiesInStudy", "NumberOfStudyRelatedInstances", *STUDY_TAGS]
        search = {name: value for name, value in filters.items() if value}
        ask = self._client.search_for_studies
        found: list[Study] = self._ask(
            "a list of studies",
            lambda: [_study(told) for told in ask(limit=limit, fields=fields, search_filters=search)],
        )
        return found[:limit]

    def instances(self, study: str) -> Iterator[Instance]:
        """The instances of a study, listed a page at a time.

        Raises:
            PacsError: no such study, or the PACS does not answer, or refuses.
        """
        offset = 0
        while True:
            found: list[Instance] = self._ask("a list of instances", self._page, _checked(study), offset)
            yield from found
            offset += len(found)
            if len(found) < PAGE:
                break
        if not offset:
            raise PacsError(f"{self.host}: expected a study of this UID; found none. Look for it with nero pacs find.")

    def fetch(self, instance: Instance) -> Dataset:
        """One instance, as it is stored (WADO-RS).

        Raises:
            PacsError: the PACS does not answer, refuses, or sends what is too large or no DICOM.
        """
        dataset: Dataset = self._ask(
            "an instance",
            self._client.retrieve_instance,
            instance.study,
            instance.series,
            instance.uid,
            media_types=AS_STORED,
        )
        return dataset

    def store(self, datasets: Sequence[Dataset]) -> int:
        """Send instances (STOW-RS), one a request, and never one twice; how many were taken.

        Raises:
            PacsError: the PACS does not answer, or refuses one.
        """
        for dataset in datasets:
            answer = self._ask("that it is stored", self._client.store_instances, [dataset])
            if answer.get("FailedSOPSequence"):
                raise PacsError(
                    f"{self.host}: expected that an instance is stored; found that the PACS refused it. "
                    "See its own log for the reason."
                )
        return len(datasets)

    def _page(self, study: str, offset: int) -> list[Instance]:
        fields = ["SeriesNumber", "InstanceNumber"]
        told = self._client.search_for_instances(study_instance_uid=study, limit=PAGE, offset=offset, fields=fields)
        return [_instance(study, Dataset.from_json(item)) for item in told]

    def _ask(self, what: str, question: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  of the library
        """Ask, and tell errors without addresses, questions or headers, which may hold names and passwords."""
        expected = f"{self.host}: expected {what}"
        try:
            return question(*args, **kwargs)
        except PacsError:
            raise
        except requests.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            raise PacsError(f"{expected}; found the answer {status}. {_remedy(status)}") from None
        except requests.exceptions.SSLError:
            raise PacsError(
                f"{expected}; found a certificate that is not trusted. Name its authority's file as NERO_PACS_CA."
            ) from None
        except requests.Timeout:
            raise PacsError(f"{expected}; found no answer in time. Try later.") from None
        except requests.JSONDecodeError:
            raise PacsError(f"{expected}; found an answer that is not DICOMweb. Check NERO_PACS_URL.") from None
        except requests.RequestException:
            raise PacsError(f"{expected}; found no connection. Check NERO_PACS_URL and the network.") from None
        except Exception:  # what the PACS sends is parsed by libraries, which raise nearly anything
            raise PacsError(f"{expected}; found an answer that is not DICOMweb. Check NERO_PACS_URL.") from None


def _study(item: dict[str, Any]) -> Study:
    told = Dataset.from_json(item)
    modalities = told.get("ModalitiesInStudy") or ()
    instances = told.get("NumberOfStudyRelatedInstances")
    return Study(
        uid=str(told.StudyInstanceUID),
        modalities=(modalities,) if isinstance(modalities, str) else tuple(modalities),
        instances=None if instances in (None, "") else int(instances),
        tags={name: str(told.get(name)) for name in STUDY_TAGS if told.get(name) not in (None, "")},
    )


def _instance(study: str, told: Dataset) -> Instance:
    numbers = [told.get(name) for name in ("SeriesNumber", "InstanceNumber")]
    uids = (str(told.SeriesInstanceUID), str(told.SOPInstanceUID), str(told.SOPClassUID))
    return Instance(study, *uids, *(None if number in (None, "") else int(number) for number in numbers))


def _checked(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise PacsError(
            "Expected a Study Instance UID: numbers with dots between. Found something else. See nero pacs find."
        )
    return uid


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "Check NERO_PACS_USER and NERO_PACS_PASSWORD, or NERO_PACS_TOKEN, and what they may do."
    if status == 404:
        return "Check NERO_PACS_URL and the UID of the study."
    return "Try later, or see the log of the PACS." if status >= 500 else "See the log of the PACS."
