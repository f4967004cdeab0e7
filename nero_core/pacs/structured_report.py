"""The verdicts on a study as a Comprehensive SR after the template of measurements (PS3.16, TID 1500)."""

from collections.abc import Sequence

from highdicom import UID
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from nero_core.pacs.results import MANUFACTURER, ImageResult, ResultContext, own_uid, result_key
from nero_core.pacs.secondary_capture import UTF_8, complete

SERIES_NUMBER = 9802
SCHEME = "99NERO"  # private codes (PS3.16, 8.2)
_SCORE = CodedConcept("score", SCHEME, "OOD score, higher is more unlike the reference images")
_THRESHOLD = CodedConcept("threshold", SCHEME, "Score above which an image is called out-of-distribution")
_P = CodedConcept("p_value", SCHEME, "Conformal p-value against the calibration images")
_CONFIDENCE = CodedConcept("confidence", SCHEME, "Softmax probability of the predicted class")
_VERDICT = CodedConcept("verdict", SCHEME, "Verdict on the image")
_CLASS = CodedConcept("class", SCHEME, "Class that the classifier predicts")
_VERDICTS = {
    "like": CodedConcept("like", SCHEME, "Like the reference images"),
    "borderline": CodedConcept("borderline", SCHEME, "Borderline"),
    "unlike": CodedConcept("unlike", SCHEME, "Unlike the reference images"),
}
_REVIEW = CodedConcept("review", SCHEME, "What a reader said of the verdict")
_REVIEWS = {
    "agree": CodedConcept("agree", SCHEME, "The reader agrees"),
    "like": CodedConcept("read_like", SCHEME, "Overridden: like the reference images"),
    "borderline": CodedConcept("read_borderline", SCHEME, "Overridden: borderline"),
    "unlike": CodedConcept("read_unlike", SCHEME, "Overridden: unlike the reference images"),
}
_ONE = CodedConcept("1", "UCUM", "no units")


def structured_report(results: Sequence[ImageResult], context: ResultContext) -> Dataset:
    """One report on the images of one study: of each its score, threshold, p-value, verdict and predicted class.

    The algorithm of each group names model and bundle with their digests.

    Args:
        results: at least one, all of one study.
        context: bundle and model.
    """
    sources = {str(result.source.SOPInstanceUID): complete(result.source) for result in results}
    first, keys = complete(results[0].source), [result_key(result, context) for result in results]
    observer = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=UID(own_uid("device", context.version)), name=MANUFACTURER, model_name=context.version
        ),
    )
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=CodedConcept("ood", SCHEME, "Out-of-distribution detection"),
        imaging_measurements=[_group(result, context) for result in results],
        title=codes.DCM.ImagingMeasurementReport,
    )
    report = ComprehensiveSR(
        evidence=list(sources.values()),
        content=content[0],
        series_instance_uid=UID(own_uid("reports", first.StudyInstanceUID, *keys[0][2:])),
        series_number=SERIES_NUMBER,
        sop_instance_uid=UID(own_uid("report", *keys, *(result.review for result in results if result.review))),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=f"{MANUFACTURER} {context.version}"[:64],
        software_versions=context.version[:64],
        series_description="NERO: verdicts",
        specific_character_set=UTF_8,
        coding_schemes=[
            CodingSchemeIdentificationItem(
                designator=SCHEME, name=f"Codes of {MANUFACTURER}", responsible_organization=MANUFACTURER
            )
        ],
        is_complete=True,
        is_final=False,  # a program says so, and nobody has signed it
        is_verified=False,
    )
    return report


def _group(result: ImageResult, context: ResultContext) -> MeasurementsAndQualitativeEvaluations:
    uid = own_uid("group", *result_key(result, context))
    image = SourceImageForMeasurementGroup(
        referenced_sop_class_uid=result.source.SOPClassUID,
        referenced_sop_instance_uid=result.source.SOPInstanceUID,
        referenced_frame_numbers=None if result.frame is None else [result.frame],
    )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(uid), identifier=f"NERO {result.method}"),
        algorithm_id=AlgorithmIdentification(
            name=f"{MANUFACTURER}: {result.method}",
            version=context.version,
            parameters=[
                f"model {context.model}",
                f"model sha256 {context.model_digest}",
                f"bundle {context.bundle}",
                f"bundle sha256 {context.bundle_digest}",
                f"tpr {context.tpr:g}",
            ],
        ),
        measurements=[
            Measurement(name=name, value=value, unit=_ONE)
            for name, value in (
                (_SCORE, result.score),
                (_P, result.p_value),
                (_THRESHOLD, result.threshold),
                (_CONFIDENCE, result.confidence),
            )
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(name=_VERDICT, value=_VERDICTS[result.verdict]),
            QualitativeEvaluation(name=_CLASS, value=_class(result.predicted)),
            *([QualitativeEvaluation(name=_REVIEW, value=_REVIEWS[result.review])] if result.review else []),
        ],
        source_images=[image],
    )


def _class(name: str) -> CodedConcept:
    """A class of the bundle as a private code; codes have at most 16 characters, and 64 the meaning."""
    return CodedConcept(own_uid("class", name)[5:21], SCHEME, name[:64])
